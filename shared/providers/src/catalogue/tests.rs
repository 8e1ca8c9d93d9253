use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use domain::credits::Credits;
use domain::pricing::Prices;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const EXAMPLES: [(&str, &str); 5] = [
    ("openai.json", include_str!("../../../../docs/models/openai.json")),
    ("anthropic.json", include_str!("../../../../docs/models/anthropic.json")),
    ("bedrock.json", include_str!("../../../../docs/models/bedrock.json")),
    ("llama-cpp.json", include_str!("../../../../docs/models/llama-cpp.json")),
    ("openrouter.json", include_str!("../../../../docs/models/openrouter.json")),
];

/// `docs/models.schema.json`, compiled.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn new() -> Self {
        let text = include_str!("../../../../docs/models.schema.json");
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("file:///models.schema.json", serde_json::from_str(text).unwrap()).unwrap();
        let index = compiler.compile("file:///models.schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn takes(&self, json: &Value) -> bool {
        self.schemas.validate(json, self.index).is_ok()
    }
}

/// A catalogue with everything in it.
fn full() -> Value {
    json!({
        "$schema": "models.schema.json",
        "providers": {
            "open": {
                "protocol": "openai",
                "base_url": "https://models.example:8443/v1/",
                "key": "Key_1",
                "headers": {"HTTP-Referer": "https://chat.example", "X-Title": "A chat"},
                "connect_timeout_ms": 100,
                "timeout_ms": 900_000,
            },
            "aws": {"protocol": "bedrock", "region": "eu-central-1"},
            "none": {"protocol": "dummy"},
        },
        "models": [
            {
                "id": "meta/llama-3.3@eu",
                "provider": "open",
                "provider_model": "Llama 3.3",
                "prices": {"input": 10, "cached_input": 1, "cache_write": 12, "output": 40, "request": 5, "image": 6},
                "context_tokens": 8192,
                "max_output_tokens": 8192,
                "image_tokens": 1000,
                "takes": ["tools", "json_schema", "images", "reasoning"],
                "streams": "text_only",
                "extra_parameters": ["top_k"],
                "aliases": ["llama", "large"],
                "fallbacks": ["small", "dummy"],
                "hidden": true,
                "description": "Für alle Fälle.",
            },
            {
                "id": "nova",
                "provider": "aws",
                "provider_model": "amazon.nova-lite-v1:0",
                "prices": {"input": 3, "output": 1e3},
                "context_tokens": 1000.0,
                "max_output_tokens": 10,
                "guardrail": {"id": "gr1abc", "version": "7"},
                "aliases": ["small"],
            },
            {
                "id": "dummy",
                "provider": "none",
                "provider_model": "dummy",
                "prices": {"input": 0, "output": 0},
                "context_tokens": 1,
                "max_output_tokens": 1,
            },
        ],
    })
}

/// `json` with `value` at `pointer`, whose last part is a new member, a new item (`-`), or what is replaced.
fn with(mut json: Value, pointer: &str, value: Value) -> Value {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match json.pointer_mut(parent).unwrap() {
        Value::Object(members) => {
            members.insert(last.to_owned(), value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value,
        other => panic!("{parent} is {other}"),
    }
    json
}

fn without(mut json: Value, pointer: &str) -> Value {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(last).unwrap();
    json
}

fn errors(json: &Value) -> Vec<String> {
    Catalogue::from_value(json).unwrap_err().iter().map(ToString::to_string).collect()
}

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

#[test]
fn the_examples_of_the_docs_are_catalogues_for_the_parser_and_for_the_schema() {
    let schema = Schema::new();
    for (name, text) in EXAMPLES {
        assert!(schema.takes(&serde_json::from_str(text).unwrap()), "{name}");
        let catalogue = Catalogue::parse(text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert!(!catalogue.models()[0].hidden, "{name}");
    }
}

#[test]
fn every_member_is_understood() {
    let json = full();
    assert!(Schema::new().takes(&json));
    let catalogue = Catalogue::from_value(&json).unwrap();
    let model = &catalogue.models()[0];
    assert_eq!(
        *model,
        CataloguedModel {
            id: "meta/llama-3.3@eu".to_owned(),
            provider: "open".to_owned(),
            provider_model: "Llama 3.3".to_owned(),
            prices: Prices {
                input: credits(10),
                cached_input: credits(1),
                cache_write: credits(12),
                output: credits(40),
                request: credits(5),
                image: credits(6),
            },
            context_tokens: 8192,
            max_output_tokens: 8192,
            image_tokens: Some(1000),
            takes: BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Images, Ability::Reasoning,]),
            streams: StreamPolicy::TextOnly,
            extra_parameters: BTreeSet::from(["top_k".to_owned()]),
            guardrail: None,
            aliases: vec!["llama".to_owned(), "large".to_owned()],
            fallbacks: vec!["small".to_owned(), "dummy".to_owned()],
            hidden: true,
            description: Some("Für alle Fälle.".to_owned()),
        }
    );
    assert_eq!(
        *catalogue.provider_of(model),
        Provider {
            protocol: Protocol::OpenAi,
            base_url: Some("https://models.example:8443/v1".to_owned()),
            region: None,
            key: Some("Key_1".to_owned()),
            headers: BTreeMap::from([
                ("http-referer".to_owned(), "https://chat.example".to_owned()),
                ("x-title".to_owned(), "A chat".to_owned()),
            ]),
            connect_timeout: std::time::Duration::from_millis(100),
            timeout: Some(std::time::Duration::from_secs(900)),
        }
    );
    let nova = catalogue.find("small").unwrap();
    assert_eq!(catalogue.provider_of(nova).region.as_deref(), Some("eu-central-1"));
}

#[test]
fn what_is_left_out_has_its_default_and_cached_tokens_cost_as_much_as_others() {
    let catalogue = Catalogue::from_value(&full()).unwrap();
    let nova = catalogue.find("nova").unwrap();
    let expected = CataloguedModel {
        provider: "aws".to_owned(),
        provider_model: "amazon.nova-lite-v1:0".to_owned(),
        guardrail: Some(Guardrail { id: "gr1abc".to_owned(), version: "7".to_owned() }),
        aliases: vec!["small".to_owned()],
        ..CataloguedModel::of_the_settings("nova", Prices::per_token(credits(3), credits(1000)), 1000, 10)
    };
    assert_eq!(*nova, expected);
    assert_eq!(*catalogue.provider_of(catalogue.find("dummy").unwrap()), Provider::new(Protocol::Dummy));
}

#[test]
fn a_model_is_found_by_its_id_and_by_each_alias() {
    let catalogue = Catalogue::from_value(&full()).unwrap();
    for (name, id) in [
        ("meta/llama-3.3@eu", "meta/llama-3.3@eu"),
        ("llama", "meta/llama-3.3@eu"),
        ("small", "nova"),
        ("nova", "nova"),
    ] {
        assert_eq!(catalogue.find(name).map(|model| model.id.as_str()), Some(id), "{name}");
    }
    for nothing in ["", "Nova", "meta", "Llama 3.3"] {
        assert_eq!(catalogue.find(nothing), None, "{nothing}");
    }
}

/// The side that refuses a catalogue.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RefusedBy {
    Both,
    /// A rule that a schema cannot say.
    ParserAlone,
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn every_rule_names_the_member_that_breaks_it_and_the_schema_has_the_rules_that_it_can_say() {
    use RefusedBy::{Both, ParserAlone};
    let long = |length: usize| "a".repeat(length);
    let cases = [
        // The catalogue.
        (with(full(), "/model", json!([])), Both, "model: is unknown: the members here are $schema, providers, models"),
        (with(full(), "/$schema", json!(7)), Both, "$schema: must be a text of 1 to 500 characters, an address"),
        (without(full(), "/models"), Both, "models: is missing"),
        (with(full(), "/models", json!([])), Both, "models: must be a list of 1 to 200"),
        (with(full(), "/models", json!(vec![0; 201])), Both, "models: must be a list of 1 to 200"),
        (with(full(), "/models/-", json!(null)), Both, "models[3]: must be an object"),
        // Providers.
        (
            with(full(), "/providers/Open", json!({"protocol": "dummy"})),
            Both,
            "providers.Open: must have a name of 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            with(full(), "/providers/a.b", json!({"protocol": "dummy"})),
            Both,
            "providers[\"a.b\"]: must have a name of 1 to 64 of a-z, 0-9, _ and -",
        ),
        (with(full(), "/providers/open", json!(7)), Both, "providers.open: must be an object"),
        (
            with(full(), "/providers/none/protocol", json!("OpenAI")),
            Both,
            "providers.none.protocol: must be one of: openai, anthropic, bedrock, dummy",
        ),
        (without(full(), "/providers/none/protocol"), Both, "providers.none.protocol: is missing"),
        (
            with(full(), "/providers/aws/responses", json!(true)),
            Both,
            "providers.aws.responses: means nothing for a provider of this protocol",
        ),
        (with(full(), "/providers/open/responses", json!(1)), Both, "providers.open.responses: must be true or false"),
        (
            with(full(), "/providers/none", json!({"protocol": "anthropic", "region": "eu-central-1"})),
            Both,
            "providers.none.region: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/none/proxy", json!("a")),
            Both,
            "providers.none.proxy: is unknown: the members here are protocol, responses, base_url, region, key, headers, \
             connect_timeout_ms, timeout_ms",
        ),
        (
            with(full(), "/providers/open/region", json!("eu-central-1")),
            Both,
            "providers.open.region: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/aws/key", json!("aws")),
            Both,
            "providers.aws.key: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/aws/base_url", json!("https://bedrock.example")),
            Both,
            "providers.aws.base_url: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/aws/headers", json!({})),
            Both,
            "providers.aws.headers: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/none/connect_timeout_ms", json!(100)),
            Both,
            "providers.none.connect_timeout_ms: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/providers/aws/region", json!("EU")),
            Both,
            "providers.aws.region: must be a text of 1 to 32 characters, of a-z, 0-9 and -",
        ),
        (
            with(full(), "/providers/open/key", json!("sk-1 2")),
            Both,
            "providers.open.key: must be a text of 1 to 64 characters, of A-Z, a-z, 0-9, _ and -: the name of a key, \
             not the key",
        ),
        (
            with(full(), "/providers/open/connect_timeout_ms", json!(99)),
            Both,
            "providers.open.connect_timeout_ms: must be a whole number from 100 to 10000",
        ),
        (
            with(full(), "/providers/open/timeout_ms", json!("1000")),
            Both,
            "providers.open.timeout_ms: must be a whole number from 1000 to 900000",
        ),
        (
            with(full(), "/providers/open/headers/X-Title", json!("a\r\nb")),
            Both,
            "providers.open.headers.X-Title: must be a text of 1 to 500 characters, all of them printable ASCII, with \
             no space at an end",
        ),
        (
            with(full(), "/providers/open/headers/X Title", json!("a")),
            Both,
            "providers.open.headers[\"X Title\"]: must have a name of 1 to 64 of A-Z, a-z, 0-9, _ and -",
        ),
        (
            with(full(), "/providers/open/headers/x-title", json!("a")),
            ParserAlone,
            "providers.open.headers.x-title: is there twice",
        ),
        // Models.
        (without(full(), "/models/0/id"), Both, "models[0].id: is missing"),
        (
            with(full(), "/models/0/idd", json!(1)),
            Both,
            "models[0].idd: is unknown: the members here are id, provider, provider_model, prices, context_tokens, \
             max_output_tokens, takes, image_tokens, streams, extra_parameters, guardrail, aliases, fallbacks, hidden, \
             description",
        ),
        (
            with(full(), "/models/0/provider", json!("azure")),
            ParserAlone,
            "models[0].provider: must be a text of 1 to 64 characters, the name of one of the providers",
        ),
        (
            with(full(), "/models/0/provider_model", json!("a\u{7}")),
            Both,
            "models[0].provider_model: must be a text of 1 to 2048 characters, none of them a control character",
        ),
        (
            with(full(), "/models/0/provider_model", json!(long(2049))),
            Both,
            "models[0].provider_model: must be a text of 1 to 2048 characters, none of them a control character",
        ),
        (with(full(), "/models/0/prices", json!(5)), Both, "models[0].prices: must be an object"),
        (without(full(), "/models/0/prices/input"), Both, "models[0].prices.input: is missing"),
        (without(full(), "/models/0/prices/output"), Both, "models[0].prices.output: is missing"),
        (
            with(full(), "/models/0/prices/input", json!(0.5)),
            Both,
            "models[0].prices.input: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/cached_input", json!(-1)),
            Both,
            "models[0].prices.cached_input: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/cache_write", json!(null)),
            Both,
            "models[0].prices.cache_write: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/output", json!(1_000_000_000_001_u64)),
            Both,
            "models[0].prices.output: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/request", json!(1e300)),
            Both,
            "models[0].prices.request: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/image", json!("1")),
            Both,
            "models[0].prices.image: must be a whole number from 0 to 1000000000000",
        ),
        (
            with(full(), "/models/0/prices/per_image", json!(1)),
            Both,
            "models[0].prices.per_image: is unknown: the members here are input, cached_input, cache_write, output, \
             request, image",
        ),
        (
            with(full(), "/models/0/context_tokens", json!(10_000_001)),
            Both,
            "models[0].context_tokens: must be a whole number from 1 to 10000000",
        ),
        (
            with(full(), "/models/0/max_output_tokens", json!(0)),
            Both,
            "models[0].max_output_tokens: must be a whole number from 1 to 10000000",
        ),
        (
            with(full(), "/models/0/max_output_tokens", json!(8193)),
            ParserAlone,
            "models[0].max_output_tokens: must be at most context_tokens",
        ),
        (without(full(), "/models/0/image_tokens"), Both, "models[0].image_tokens: is missing"),
        (
            with(full(), "/models/0/image_tokens", json!(1_000_001)),
            Both,
            "models[0].image_tokens: must be a whole number from 1 to 1000000",
        ),
        (
            with(full(), "/models/0/takes/1", json!("jsonschema")),
            Both,
            "models[0].takes[1]: must be one of: tools, json_schema, images, reasoning, embeddings",
        ),
        (with(full(), "/models/0/takes/1", json!("tools")), Both, "models[0].takes[1]: is in the list twice"),
        (with(full(), "/models/0/takes", json!("tools")), Both, "models[0].takes: must be a list of 0 to 5"),
        (
            with(with(full(), "/models/0/fallbacks", json!([])), "/models/2/takes", json!(["tools", "embeddings"])),
            Both,
            "models[2].takes: must have nothing beside embeddings: such a model makes vectors alone",
        ),
        (
            with(with(full(), "/models/0/fallbacks", json!([])), "/models/1/takes", json!(["embeddings"])),
            ParserAlone,
            "models[1].takes: must not have embeddings, which no model of this provider's protocol makes",
        ),
        (
            with(full(), "/models/2/takes", json!(["embeddings"])),
            ParserAlone,
            "models[0].fallbacks[1]: must not be here: neither has a model that makes embeddings a fallback, nor is it one",
        ),
        (
            with(with(full(), "/models/0/fallbacks", json!(["small"])), "/models/0/takes", json!(["embeddings"])),
            Both,
            "models[0].fallbacks[0]: must not be here: neither has a model that makes embeddings a fallback, nor is it one",
        ),
        (
            with(full(), "/models/0/streams", json!(true)),
            Both,
            "models[0].streams: must be one of: always, text_only, never",
        ),
        (
            with(full(), "/models/0/extra_parameters/-", json!("top-k")),
            Both,
            "models[0].extra_parameters[1]: must be a text of 1 to 64 characters, of A-Z, a-z, 0-9 and _",
        ),
        (
            with(full(), "/models/0/extra_parameters/-", json!("top_k")),
            Both,
            "models[0].extra_parameters[1]: is in the list twice",
        ),
        (
            with(full(), "/models/0/guardrail", json!({"id": "gr1abc", "version": "7"})),
            ParserAlone,
            "models[0].guardrail: means nothing for a provider of this protocol",
        ),
        (
            with(full(), "/models/1/fallbacks", json!(["dummy"])),
            ParserAlone,
            "models[1].fallbacks[0]: must have a guardrail too, since models[1] has one",
        ),
        (with(full(), "/models/1/guardrail", json!("gr1abc")), Both, "models[1].guardrail: must be an object"),
        (without(full(), "/models/1/guardrail/id"), Both, "models[1].guardrail.id: is missing"),
        (without(full(), "/models/1/guardrail/version"), Both, "models[1].guardrail.version: is missing"),
        (
            with(full(), "/models/1/guardrail/trace", json!("enabled")),
            Both,
            "models[1].guardrail.trace: is unknown: the members here are id, version",
        ),
        (
            with(full(), "/models/1/guardrail/version", json!(7)),
            Both,
            "models[1].guardrail.version: must be a text of 1 to 8 characters, a number, or DRAFT",
        ),
        (with(full(), "/models/0/hidden", json!("no")), Both, "models[0].hidden: must be true or false"),
        (
            with(full(), "/models/0/description", json!("")),
            Both,
            "models[0].description: must be a text of 1 to 500 characters, none of them a control character",
        ),
        // Names.
        (with(full(), "/models/0/id", json!("nova")), ParserAlone, "models[1].id: is a name of models[0] too"),
        (
            with(full(), "/models/2/aliases", json!(["small"])),
            ParserAlone,
            "models[2].aliases[0]: is a name of models[1] too",
        ),
        (
            with(full(), "/models/2/aliases", json!(["dummy"])),
            ParserAlone,
            "models[2].aliases[0]: is a name of models[2] too",
        ),
        (with(full(), "/models/2/aliases", json!(vec!["a"; 21])), Both, "models[2].aliases: must be a list of 0 to 20"),
        (
            with(full(), "/models/0/fallbacks/-", json!("gone")),
            ParserAlone,
            "models[0].fallbacks[2]: must be an id or an alias of a model",
        ),
        (
            with(full(), "/models/0/fallbacks/-", json!("llama")),
            ParserAlone,
            "models[0].fallbacks[2]: must be another model",
        ),
        (
            with(full(), "/models/0/fallbacks/-", json!("nova")),
            ParserAlone,
            "models[0].fallbacks[2]: is a model that is in the list twice",
        ),
        (
            with(full(), "/models/0/fallbacks", json!(["a", "b", "c", "d"])),
            Both,
            "models[0].fallbacks: must be a list of 0 to 3",
        ),
    ];
    let schema = Schema::new();
    for (json, refused_by, expected) in cases {
        assert_eq!(errors(&json), [expected]);
        assert_eq!(schema.takes(&json), refused_by == ParserAlone, "{expected}");
    }
    assert_eq!(errors(&json!([])), ["the catalogue: must be an object"]);
    let no_providers = with(full(), "/providers", json!([]));
    assert_eq!(errors(&no_providers)[0], "providers: must be an object of 1 to 50 members");
    assert!(!schema.takes(&no_providers));
}

#[test]
fn an_id_is_of_ascii_letters_and_has_slashes_between_its_parts_alone() {
    let schema = Schema::new();
    let rule =
        "models[2].id: must be a text of 1 to 256 characters, of A-Z, a-z, 0-9, . _ : @ + - and single slashes inside";
    let longest = "a".repeat(256);
    for id in ["a", "openai/gpt-5", "a/b/c", "arn:aws:bedrock:eu@1+x_y-z.0", longest.as_str()] {
        let json = with(full(), "/models/2/id", json!(id));
        // The first model has a fallback of that name.
        let json = with(json, "/models/0/fallbacks", json!([]));
        assert!(Catalogue::from_value(&json).is_ok() && schema.takes(&json), "{id}");
    }
    for id in ["", "/a", "a/", "a//b", "a b", "a%2Fb", "ä", "a\n", "a".repeat(257).as_str()] {
        let json = with(with(full(), "/models/2/id", json!(id)), "/models/0/fallbacks", json!([]));
        assert_eq!(errors(&json), [rule]);
        assert!(!schema.takes(&json), "{id:?}");
    }
}

#[test]
fn an_address_has_a_host_and_neither_user_nor_query_nor_fragment() {
    let schema = Schema::new();
    let at = |url: &str| with(full(), "/providers/open/base_url", json!(url));
    // The provider has a key, so that `http://` is of this machine alone.
    for (url, kept) in [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1"),
        ("https://example.com", "https://example.com"),
        ("http://[::1]:11434/v1//", "http://[::1]:11434/v1"),
        ("http://[::1]", "http://[::1]"),
    ] {
        let json = at(url);
        let catalogue = Catalogue::from_value(&json).unwrap();
        assert_eq!(catalogue.provider_of(&catalogue.models()[0]).base_url.as_deref(), Some(kept));
        assert!(schema.takes(&json), "{url}");
    }
    for url in [
        "",
        "example.com/v1",
        "ftp://example.com",
        "https://",
        "https:///v1",
        "https://:80",
        "https://ada:secret@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1#a",
        "https://example.com/v 1",
        "https://example.com:/v1",
        "https://example.com:000080/v1",
        "https://exämple.com",
        "https://[::1/v1",
        "https://example.com\\v1",
        "https://example.com/v1\n",
    ] {
        let json = at(url);
        let expected = "providers.open.base_url: must be a text of 1 to 500 characters, as in https://example.com/v1, \
                        without user, query and fragment";
        assert_eq!(errors(&json), [expected], "{url}");
        assert!(!schema.takes(&json), "{url}");
    }
    assert_eq!(errors(&at("https://example.com:65536/v1")).len(), 1, "a schema cannot count to 65535");
}

#[test]
fn a_guardrail_is_an_id_or_an_arn_of_a_version_or_of_the_draft() {
    let schema = Schema::new();
    let arn = |rest: &str| format!("arn:aws:bedrock:eu-central-1:{rest}");
    for (id, version, is_taken) in [
        ("gr1abc", "1", true),
        ("gr1abc", "99999999", true),
        ("gr1abc", "DRAFT", true),
        (&arn("123456789012:guardrail/gr1abc"), "1", true),
        ("arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/a", "1", true),
        ("", "1", false),
        ("GR", "1", false),
        ("gr-1", "1", false),
        (&arn("123456789012:guardrail/"), "1", false),
        (&arn("12345678901:guardrail/a"), "1", false),
        (&arn("123456789012:model/a"), "1", false),
        (&arn("123456789012:guardrail/a:1"), "1", false),
        ("gr1abc\n", "1", false),
        ("gr1abc", "", false),
        ("gr1abc", "0", false),
        ("gr1abc", "01", false),
        ("gr1abc", "draft", false),
        ("gr1abc", "123456789", false),
    ] {
        let json = with(full(), "/models/1/guardrail", json!({"id": id, "version": version}));
        assert_eq!(Catalogue::from_value(&json).is_ok(), is_taken, "{id} {version}");
        assert_eq!(schema.takes(&json), is_taken, "{id} {version}");
    }
}

#[test]
fn a_provider_of_openais_protocol_is_asked_for_responses_where_the_catalogue_says_so() {
    let protocol = |responses: Value| {
        let catalogue = Catalogue::from_value(&with(full(), "/providers/open/responses", responses)).unwrap();
        catalogue.provider_of(&catalogue.models()[0]).protocol
    };
    assert_eq!(protocol(json!(true)), Protocol::OpenAiResponses);
    assert_eq!(protocol(json!(false)), Protocol::OpenAi);
}

#[test]
fn a_model_prices_its_cache_if_a_price_of_it_is_not_that_of_the_input() {
    let plain = Prices::per_token(credits(3), credits(1000));
    let of = |prices| CataloguedModel::of_the_settings("m", prices, 10, 10).prices_its_cache();
    assert!(!of(plain));
    assert!(of(Prices { cached_input: Credits::ZERO, ..plain }) && of(Prices { cache_write: credits(4), ..plain }));
}

#[test]
fn a_key_is_sent_without_encryption_to_this_machine_alone() {
    let schema = Schema::new();
    let provider = |url: &str, key: Option<&str>| {
        let mut provider = json!({"protocol": "openai", "base_url": url});
        if let Some(key) = key {
            provider["key"] = json!(key);
        }
        with(full(), "/providers/open", provider)
    };
    for (host, is_of_this_machine) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("127.8.8.8", true),
        ("[::1]", true),
        ("example.com", false),
        ("localhost.example.com", false),
        ("127.0.0.1.example.com", false),
        ("10.0.0.1", false),
        ("0.0.0.0", false),
        ("[::2]", false),
        ("[::1:1]", false),
    ] {
        for rest in ["", ":8080", "/v1", ":8080/v1"] {
            let (plain, encrypted) = (format!("http://{host}{rest}"), format!("https://{host}{rest}"));
            let json = provider(&plain, Some("main"));
            let expected = "providers.open: has a key, so its base_url must begin with https://, or be of localhost, \
                            127.0.0.1 or [::1]";
            let found = Catalogue::from_value(&json).map(|_| ()).map_err(|_| errors(&json));
            let expected = if is_of_this_machine { Ok(()) } else { Err(vec![expected.to_owned()]) };
            assert_eq!(found, expected, "{plain}");
            assert_eq!(schema.takes(&json), is_of_this_machine, "{plain}");
            for json in [provider(&encrypted, Some("main")), provider(&plain, None)] {
                assert!(Catalogue::from_value(&json).is_ok() && schema.takes(&json), "{json}");
            }
        }
    }
}

#[test]
fn a_header_that_the_client_sets_or_that_may_be_a_secret_is_refused() {
    let problem = |name: &str| {
        let json = with(full(), "/providers/open/headers", json!({name: "a"}));
        errors(&json).remove(0).split_once(": ").unwrap().1.to_owned()
    };
    for name in ["Host", "accept", "CONTENT-TYPE", "Content-Length", "transfer-encoding", "Connection", "TE", "Cookie"]
    {
        assert_eq!(problem(name), "is a header that the client sets itself", "{name}");
    }
    for name in
        ["Authorization", "X-API-Key", "api-key", "Proxy-Authorization", "X-Auth", "x-session-token", "Secret-1"]
    {
        assert_eq!(problem(name), "may be a secret, which has no place here: `key` names one", "{name}");
    }
}

#[test]
fn no_extra_parameter_bears_on_money() {
    let schema = Schema::new();
    for name in [
        "model",
        "messages",
        "stream",
        "stream_options",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "functions",
        "tool_choice",
        "response_format",
        "service_tier",
        "web_search_options",
        "prediction",
        "audio",
        "modalities",
        "store",
        "max_cost",
        "plugins",
        "models",
        "route",
        "provider",
        "extra_body",
        "seed",
        "logprobs",
        "logit_bias",
        "reasoning",
        "thinking",
        "chat_template_kwargs",
        "use_beam_search",
        "search_parameters",
        "metadata",
        "enable_thinking",
        "num_predict",
        "data_sources",
        "speed",
        "inference_geo",
        "output_config",
        "fallbacks",
        "background",
        "previous_response_id",
        "system",
    ] {
        let json = with(full(), "/models/0/extra_parameters/0", json!(name));
        let expected =
            "models[0].extra_parameters[0]: bears on the price or on who answers, and is never passed on unread";
        assert_eq!(errors(&json), [expected], "{name}");
        assert!(!schema.takes(&json), "{name}");
    }
}

/// A catalogue that cannot be read would stop every model.
#[test]
fn a_stored_catalogue_loses_the_extra_parameters_that_are_refused_today_and_nothing_else() {
    let listed = json!(["thinking", "top_k", "seed", "min_p"]);
    let json = with(full(), "/models/0/extra_parameters", listed);
    assert_eq!(errors(&json).len(), 2);
    let stored = Catalogue::parse(&json.to_string()).unwrap();
    let left = with(full(), "/models/0/extra_parameters", json!(["top_k", "min_p"]));
    assert_eq!(stored, Catalogue::from_value(&left).unwrap());
    let wrong = with(full(), "/models/0/extra_parameters", json!(["top-k"]));
    assert!(Catalogue::parse(&wrong.to_string()).is_err());
    let capitals = with(full(), "/models/0/extra_parameters", json!(["Max_Tokens", "N"]));
    assert_eq!(errors(&capitals).len(), 2, "some servers read them");
}

/// To a release of before, `embeddings` meant nothing.
#[test]
fn a_stored_catalogue_may_have_embeddings_where_they_are_refused_today() {
    let json = with(full(), "/models/0/takes", json!(["tools", "embeddings"]));
    let json = with(json, "/models/1/takes", json!(["embeddings"]));
    assert_eq!(errors(&json).len(), 4);
    let stored = Catalogue::parse(&json.to_string()).unwrap();
    assert!(
        stored.models()[..2].iter().all(CataloguedModel::makes_embeddings) && !stored.models()[2].makes_embeddings()
    );
}

#[test]
fn all_errors_are_named_at_once_as_far_as_anybody_reads_them() {
    let json = json!({
        "providers": {"open": {"protocol": "openai", "base_url": 7}},
        "models": [{"id": "a", "provider": "opne", "prices": {"input": 1.5, "out": 1}, "fallbacks": ["b"]}],
        "note": "",
    });
    let paths: Vec<_> = Catalogue::from_value(&json).unwrap_err().into_iter().map(|error| error.path).collect();
    let expected = [
        "providers.open.base_url",
        "models[0].provider",
        "models[0].provider_model",
        "models[0].prices.input",
        "models[0].prices.output",
        "models[0].prices.out",
        "models[0].context_tokens",
        "models[0].max_output_tokens",
        "models[0].fallbacks[0]",
        "note",
    ];
    assert_eq!(paths, expected);
    let many = with(full(), "/models", json!(vec![json!({}); 200]));
    assert_eq!(errors(&many).len(), 50);
}

#[test]
fn a_text_that_is_too_long_or_no_json_is_refused_before_anything_is_read() {
    let longest = with(full(), "/models/0/provider_model", json!(7));
    assert_eq!(Catalogue::parse("{").unwrap_err()[0].path, "");
    assert!(Catalogue::parse("{").unwrap_err()[0].problem.starts_with("is no JSON: EOF while parsing"));
    let too_long = with(longest, "/$schema", json!("a".repeat(MAX_CATALOGUE_BYTES)));
    let errors = errors(&too_long);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].ends_with("bytes without spaces, and may have 65536"), "{errors:?}");
    assert_eq!(Catalogue::parse(&too_long.to_string()).unwrap_err()[0].to_string(), errors[0]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        (0..2000_u32).prop_map(|number| Value::from(f64::from(number))),
        "[a-z0-9/._-]{0,8}".prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        prop::sample::select(vec!["openai", "nova", "small", "dummy", "open", "n", "tools", "never"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,9}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// The pointers to all values in `json`.
fn pointers(json: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match json {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in children {
        let pointer = format!("{at}/{name}");
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

proptest! {
    /// Whatever an operator sends, it ends in a list of errors or in a catalogue that the schema allows too, and that a
    /// function reads the same when it is stored.
    #[test]
    fn whatever_the_parser_takes_the_schema_takes_and_functions_read_the_same(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..3),
    ) {
        let mut json = full();
        for (place, value) in changes {
            let mut all = Vec::new();
            pointers(&json, "", &mut all);
            if let Some(pointer) = (!all.is_empty()).then(|| place.get(&all)) {
                *json.pointer_mut(pointer).unwrap() = value;
            }
        }
        if let Ok(catalogue) = Catalogue::from_value(&json) {
            prop_assert!(Schema::new().takes(&json), "{json}");
            prop_assert_eq!(Catalogue::parse(&json.to_string()), Ok(catalogue));
        } else {
            prop_assert!(!Catalogue::from_value(&json).unwrap_err().is_empty());
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}", json in any_json()) {
        let _ = Catalogue::parse(&text);
        let _ = Catalogue::from_value(&json);
    }
}
