//! Connections to the providers of the catalogue's models.

use cloud::SecretSource;
use domain::setting::SettingError;

use crate::catalogue::{CataloguedModel, Provider};
use crate::model::Model;
use crate::offers::Connect;
use crate::settings::ModelSettings;

/// The connection to the model that the settings name.
#[derive(Debug)]
pub struct Connections {
    of_settings: Model,
}

impl Connections {
    /// Connects to the model that `settings` name.
    ///
    /// # Errors
    /// As [`Model::connect`].
    pub async fn start(
        settings: &ModelSettings,
        streams: bool,
        _keys: Option<SecretSource>,
    ) -> Result<Self, SettingError> {
        Ok(Self { of_settings: Model::connect(settings).await?.streaming(streams) })
    }
}

impl Connect for Connections {
    fn connect(&self, _provider: &Provider, _model: &CataloguedModel) -> Model {
        self.of_settings.clone()
    }
}
