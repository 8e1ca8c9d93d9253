//! The settings of the functions that talk to a model.

use std::env;
use std::time::Duration;

use cloud::SecretSource;
use domain::credits::Credits;
use domain::pricing::{OutputLimits, Prices};
use domain::setting::SettingError;
use ledger::entry::MAX_MODEL_BYTES;
use providers::catalogue::{Catalogue, StreamPolicy};
use providers::dummy::{Dummy, DummyFailure};
use providers::settings::{BedrockSettings, ModelSettings, OpenAiSettings};

use crate::conversation::ContextLimits;
use crate::settings::Variables;

/// The settings of the functions that talk to a model. Each field is the environment variable of the same name, in
/// capitals, unless it names others.
#[derive(Clone, Debug)]
pub struct ChatSettings {
    /// `MODEL`: the model that answers.
    ///
    /// - `dummy` (the default): `Dummy Response`, `DUMMY_DELAY_MS` (default 0) before each word, unless `DUMMY_FAILURE`
    ///   is `error`, `panic` or `cut` (default `none`).
    /// - `openai`: `MODEL_ID` at a server that speaks OpenAI's protocol. `OPENAI_BASE_URL`: its address up to and with
    ///   `/v1`, by default OpenAI's own. `OPENAI_API_KEY` or `OPENAI_API_KEY_ARN`: the key, if the server asks for one.
    /// - `bedrock`: `MODEL_ID`, a model or an inference profile of Amazon Bedrock.
    pub model: ModelSettings,
    /// `MODEL_STREAMS`: `always` (the default) asks the model for a stream also where a whole reply is wanted, so that a
    /// deadline ends the reply and does not lose it. `never` is for servers and models that cannot stream.
    pub model_streams: bool,
    /// `PROVIDER_KEYS` or `PROVIDER_KEYS_ARN`: the API keys of the catalogue's providers, a JSON object of names and keys.
    pub provider_keys: Option<SecretSource>,
    /// `PRICING`: `message` (the default) for `MESSAGE_COST` credits each (default 1), or `usage` for
    /// `INPUT_COST` (default 1) and `OUTPUT_COST` (default 4) credits per 1,000 tokens.
    pub prices: Prices,
    /// `MAX_OUTPUT_TOKENS`: the most tokens of a reply. Default 1024. `MIN_OUTPUT_TOKENS`: the fewest tokens that a
    /// balance must cover where usage is charged. Default 16.
    pub output_limits: OutputLimits,
    /// `MAX_INPUT_TOKENS`: the most tokens of a prompt, by an estimate, from 1,024 to a million. Default 32768.
    pub max_input_tokens: u32,
    /// `CONTEXT_MESSAGES`: how many of a user's last messages the model reads again, up to 50. Default 10.
    /// `CONTEXT_TOKENS`: the most tokens of these messages and their replies, by an estimate, up to 100,000: how much of a
    /// model's context is used. Default 2000.
    pub context_limits: ContextLimits,
    /// `SYSTEM_PROMPT`: the text that every conversation at `/chatView/` begins with. Default none.
    pub system_prompt: Option<String>,
    /// `STREAM_TIMEOUT`: in seconds, from 30 to 900. The time for a request that a model replies to where Lambda does
    /// not give a deadline. Default 300.
    pub stream_timeout: Duration,
}

impl ChatSettings {
    /// The most bytes of a system prompt as JSON, in which a quote, a backslash and a line break have two. Lambda measures
    /// the environment as JSON, and takes 4 KB in all.
    pub const MAX_SYSTEM_PROMPT_BYTES: usize = 1600;

    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// [`SettingError`] naming the first variable whose value cannot be used.
    pub fn from_environment() -> Result<Self, SettingError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings from `variables`. An absent or empty variable has its default.
    ///
    /// # Errors
    /// [`SettingError`] naming the first variable whose value cannot be used.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let variables = Variables(variables);
        Ok(Self {
            model: variables.model("MODEL")?,
            model_streams: variables.one_of("MODEL_STREAMS", &[("always", true), ("never", false)])?,
            provider_keys: variables.secret("PROVIDER_KEYS", "PROVIDER_KEYS_ARN"),
            prices: variables.prices("PRICING")?,
            output_limits: variables.output_limits()?,
            max_input_tokens: variables.count("MAX_INPUT_TOKENS", 32_768, 1024..=1_000_000)?,
            context_limits: ContextLimits {
                messages: variables.count("CONTEXT_MESSAGES", 10, 0..=50)?,
                tokens: variables.count("CONTEXT_TOKENS", 2000, 0..=100_000)?,
            },
            system_prompt: variables.system_prompt("SYSTEM_PROMPT")?,
            stream_timeout: variables.seconds("STREAM_TIMEOUT", 300, 30..=900)?,
        })
    }

    /// The catalogue of the one model that these settings name, which applies while there is none in the table.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let Self { model, prices, max_input_tokens, output_limits, .. } = self;
        let (provider, mut terms) = model.catalogued(*prices, *max_input_tokens, output_limits.most);
        terms.streams = if self.model_streams { StreamPolicy::Always } else { StreamPolicy::Never };
        Catalogue::of_one(provider, terms)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Dummy,
    OpenAi,
    Bedrock,
}

impl<V: Fn(&str) -> Option<String>> Variables<V> {
    fn model(&self, name: &'static str) -> Result<ModelSettings, SettingError> {
        let kinds = [("dummy", Kind::Dummy), ("openai", Kind::OpenAi), ("bedrock", Kind::Bedrock)];
        Ok(match self.one_of(name, &kinds)? {
            Kind::Dummy => ModelSettings::Dummy(self.dummy()?),
            Kind::OpenAi => ModelSettings::OpenAi(OpenAiSettings {
                base_url: self.base_url("OPENAI_BASE_URL")?,
                model_id: self.model_id("MODEL_ID")?,
                api_key: self.secret("OPENAI_API_KEY", "OPENAI_API_KEY_ARN"),
            }),
            Kind::Bedrock => ModelSettings::Bedrock(BedrockSettings { model_id: self.model_id("MODEL_ID")? }),
        })
    }

    fn dummy(&self) -> Result<Dummy, SettingError> {
        let rule = "a whole number of milliseconds";
        let delay = Duration::from_millis(self.number("DUMMY_DELAY_MS", 0, rule)?);
        let failures = [
            ("none", None),
            ("error", Some(DummyFailure::Error)),
            ("panic", Some(DummyFailure::Panic)),
            ("cut", Some(DummyFailure::Cut)),
        ];
        Ok(Dummy { delay, failure: self.one_of("DUMMY_FAILURE", &failures)? })
    }

    fn base_url(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        match self.get(name) {
            Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
                Err(SettingError::new(name, "must begin with https:// or http://"))
            }
            url => Ok(url.map(|url| url.trim_end_matches('/').to_owned())),
        }
    }

    fn model_id(&self, name: &'static str) -> Result<String, SettingError> {
        match self.get(name) {
            Some(id) if id.len() > MAX_MODEL_BYTES => {
                Err(SettingError::new(name, format!("must have at most {MAX_MODEL_BYTES} bytes")))
            }
            id => id.ok_or_else(|| SettingError::new(name, "must be set: the dummy alone needs none")),
        }
    }

    fn prices(&self, name: &'static str) -> Result<Prices, SettingError> {
        let by_message = Prices::per_request(self.credits("MESSAGE_COST", 1)?);
        let by_usage = Prices::per_token(self.per_million("INPUT_COST", 1)?, self.per_million("OUTPUT_COST", 4)?);
        self.one_of(name, &[("message", by_message), ("usage", by_usage)])
    }

    /// The price of a million tokens, of which the variable gives the thousandth part.
    fn per_million(&self, name: &'static str, default: u64) -> Result<Credits, SettingError> {
        let rule = format!("a whole number from 0 to {}", u64::from(Credits::MAX) / 1000);
        let per_thousand = self.number(name, default, &rule)?;
        let per_million = per_thousand.checked_mul(1000).and_then(|price| Credits::new(price).ok());
        per_million.ok_or_else(|| SettingError::new(name, format!("must be {rule}, not \"{per_thousand}\"")))
    }

    fn output_limits(&self) -> Result<OutputLimits, SettingError> {
        let most = self.count("MAX_OUTPUT_TOKENS", 1024, 1..=1_000_000)?;
        let least = self.count("MIN_OUTPUT_TOKENS", 16, 1..=1_000_000)?;
        if least > most {
            return Err(SettingError::new("MIN_OUTPUT_TOKENS", "must be at most MAX_OUTPUT_TOKENS"));
        }
        Ok(OutputLimits { most, least })
    }

    fn system_prompt(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        match self.get(name) {
            Some(text) if bytes_as_json(&text) > ChatSettings::MAX_SYSTEM_PROMPT_BYTES => Err(SettingError::new(
                name,
                format!("must have at most {} bytes as JSON", ChatSettings::MAX_SYSTEM_PROMPT_BYTES),
            )),
            text => Ok(text),
        }
    }
}

/// The bytes of a text in JSON, without its quotes.
fn bytes_as_json(text: &str) -> usize {
    serde_json::Value::from(text).to_string().len() - 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<ChatSettings, SettingError> {
        ChatSettings::read(|asked| given.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn by_default_the_dummy_answers_for_one_credit() {
        let settings = read(&[]).unwrap();
        assert!(matches!(settings.model, ModelSettings::Dummy(_)));
        assert_eq!(settings.prices, Prices::per_request(Credits::new(1).unwrap()));
    }

    #[test]
    fn the_model_of_the_settings_is_a_catalogue_of_one() {
        let given = [
            ("MODEL", "openai"),
            ("MODEL_ID", "m"),
            ("MODEL_STREAMS", "never"),
            ("PRICING", "usage"),
            ("MAX_INPUT_TOKENS", "2000"),
            ("MAX_OUTPUT_TOKENS", "300"),
        ];
        let catalogue = read(&given).unwrap().catalogue();
        let [terms] = catalogue.models() else { panic!("not one model: {catalogue:?}") };
        assert_eq!((terms.id.as_str(), terms.context_tokens, terms.max_output_tokens), ("m", 2000, 300));
        let per_million = |amount| Credits::new(amount).unwrap();
        assert_eq!(terms.prices, Prices::per_token(per_million(1000), per_million(4000)));
        assert_eq!((terms.streams, terms.hidden), (StreamPolicy::Never, false));
    }

    #[test]
    fn a_model_says_what_it_needs() {
        let given = [("MODEL", "openai"), ("MODEL_ID", "m"), ("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1/")];
        let ModelSettings::OpenAi(settings) = read(&given).unwrap().model else { panic!("not openai") };
        assert_eq!((settings.base_url.as_deref(), settings.model_id.as_str()), (Some("http://127.0.0.1:8000/v1"), "m"));
        for model in ["openai", "bedrock"] {
            let sentence = "MODEL_ID must be set: the dummy alone needs none";
            assert_eq!(read(&[("MODEL", model)]).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn the_api_key_of_a_model_never_prints_and_the_deployed_one_wins() {
        let openai = [("MODEL", "openai"), ("MODEL_ID", "m"), ("OPENAI_API_KEY", "swordfish")];
        assert!(!format!("{:?}", read(&openai).unwrap()).contains("swordfish"));
        let both = [openai[0], openai[1], openai[2], ("OPENAI_API_KEY_ARN", "arn")];
        let ModelSettings::OpenAi(settings) = read(&both).unwrap().model else { panic!("not openai") };
        assert!(matches!(settings.api_key, Some(SecretSource::SecretsManager { arn }) if arn == "arn"));
    }

    #[test]
    fn a_system_prompt_is_measured_as_lambda_measures_it() {
        for (character, most) in [("a", 1600), ("é", 800), ("\"", 800), ("\n", 800), ("漢", 533), ("🙂", 400)] {
            let longest = character.repeat(most);
            assert_eq!(read(&[("SYSTEM_PROMPT", &longest)]).unwrap().system_prompt, Some(longest));
            let refusal = read(&[("SYSTEM_PROMPT", &character.repeat(most + 1))]).unwrap_err();
            assert_eq!(refusal.to_string(), "SYSTEM_PROMPT must have at most 1600 bytes as JSON");
        }
    }

    #[test]
    fn a_bad_value_is_refused_in_a_sentence_that_names_it() {
        for (name, value, sentence) in [
            ("MODEL", "gpt", "MODEL must be dummy, openai, bedrock, not \"gpt\""),
            ("MODEL_STREAMS", "sometimes", "MODEL_STREAMS must be always, never, not \"sometimes\""),
            ("PRICING", "free", "PRICING must be message, usage, not \"free\""),
            ("MESSAGE_COST", "-1", "MESSAGE_COST must be a whole number from 0 to 9007199254740991, not \"-1\""),
            ("OUTPUT_COST", "1.5", "OUTPUT_COST must be a whole number from 0 to 9007199254740, not \"1.5\""),
            (
                "INPUT_COST",
                "9007199254741",
                "INPUT_COST must be a whole number from 0 to 9007199254740, not \"9007199254741\"",
            ),
            ("MIN_OUTPUT_TOKENS", "2000", "MIN_OUTPUT_TOKENS must be at most MAX_OUTPUT_TOKENS"),
            ("MAX_INPUT_TOKENS", "1023", "MAX_INPUT_TOKENS must be a whole number from 1024 to 1000000, not \"1023\""),
            ("CONTEXT_MESSAGES", "51", "CONTEXT_MESSAGES must be a whole number from 0 to 50, not \"51\""),
            ("STREAM_TIMEOUT", "29", "STREAM_TIMEOUT must be a whole number of seconds from 30 to 900, not \"29\""),
            ("STREAM_TIMEOUT", "901", "STREAM_TIMEOUT must be a whole number of seconds from 30 to 900, not \"901\""),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().to_string(), sentence);
        }
        let address = [("MODEL", "openai"), ("MODEL_ID", "m"), ("OPENAI_BASE_URL", "127.0.0.1")];
        assert_eq!(read(&address).unwrap_err().to_string(), "OPENAI_BASE_URL must begin with https:// or http://");
    }
}
