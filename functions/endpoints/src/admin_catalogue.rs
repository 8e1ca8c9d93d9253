//! `/admin/catalogue/`: shows the catalogue of models (`GET`), or replaces it (`PUT`). `/admin/catalogue/check/`: judges a document
//! (`POST`). `/admin/catalogue/versions/` and `…/{version}/`: the catalogues that there were.

use serde::Serialize;
use shared::admin::{AdminEndpoint, AdminPath, origin, serve};
use shared::catalogue::{CatalogueJudgement, ShownCatalogue, ShownVersion, replace};
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, CatalogueReplacement, Method, Request, StatusCode};
use shared::identity::staff::Staff;
use shared::providers::stored_catalogue::{CatalogueKeeper, ListedVersion, VersionPage};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminCatalogue>().await
}

struct AdminCatalogue {
    keeper: CatalogueKeeper,
    clock: Clock,
}

impl AdminEndpoint for AdminCatalogue {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        match path {
            AdminPath::Catalogue => Some(&[Method::GET, Method::PUT]),
            AdminPath::CatalogueCheck => Some(&[Method::POST]),
            AdminPath::CatalogueVersions | AdminPath::CatalogueVersion(_) => Some(&[Method::GET]),
            _ => None,
        }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { keeper: resources.catalogue_keeper(), clock: resources.clock.clone() })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Catalogue if request.method() == Method::PUT => self.replace(staff, &request).await,
            AdminPath::Catalogue => Answer::private(StatusCode::OK, &ShownCatalogue::from(self.keeper.read().await?)),
            AdminPath::CatalogueCheck => {
                Answer::private(StatusCode::OK, &CatalogueJudgement::of(&request.catalogue_to_check()?))
            }
            AdminPath::CatalogueVersions => self.versions(&request).await,
            AdminPath::CatalogueVersion(version) => {
                let kept = self.keeper.version(version).await?.ok_or(ApiError::NotFound)?;
                Answer::private(StatusCode::OK, &ShownVersion::from(kept))
            }
            _ => Err(ApiError::NotFound),
        }
    }
}

impl AdminCatalogue {
    async fn replace(&self, staff: Staff, request: &Request) -> Result<Answer, ApiError> {
        let authority = staff.recently(self.clock.now())?.authority(origin(request));
        let CatalogueReplacement { catalogue, version } = request.catalogue_replacement()?;
        let replaced = replace(&self.keeper, catalogue.as_ref(), version, &authority, request.deadline()).await?;
        Answer::private(StatusCode::OK, &replaced)
    }

    async fn versions(&self, request: &Request) -> Result<Answer, ApiError> {
        let (limit, before) = request.version_query()?;
        let VersionPage { versions, next } = self.keeper.versions(before, limit.number()).await?;
        let next = next.map(|version| version.to_string());
        let next_page = next.as_deref().map(|cursor| request.page_after(cursor));
        let answer = Answer::private(StatusCode::OK, &VersionsBody { versions, next })?;
        Ok(answer.next_page(next_page.as_deref()))
    }
}

#[derive(Serialize)]
struct VersionsBody {
    versions: Vec<ListedVersion>,
    next: Option<String>,
}
