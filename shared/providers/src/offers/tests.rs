//! Names, fallbacks, and connections that are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::credits::Credits;
use domain::pricing::{OutputLimits, Prices};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::catalogue::{Ability, Catalogue, Protocol};
use crate::catalogues::Catalogues;
use crate::chat_model::ChatModel;
use crate::dummy::Dummy;
use crate::error::ModelError;
use crate::prompt::{
    EmbeddingInputs, Image, ImageType, Input, Prompt, ResponseFormat, Role, Sampling, Tool, Tools, Turn,
};
use crate::raw_json::RawJson;
use crate::reply::{Reply, ReplyStream};
use crate::settings::{BedrockSettings, ModelSettings, OpenAiSettings};

/// A connection to the dummy, which notes the models that it connects.
#[derive(Clone, Debug, Default)]
struct NotedConnection(Arc<Mutex<Vec<String>>>);

impl Connect for NotedConnection {
    fn connect(&self, _provider: &Provider, model: &CataloguedModel) -> Model {
        self.0.lock().unwrap().push(model.id.clone());
        Model::new(Dummy::default())
    }
}

fn terms(id: &str) -> CataloguedModel {
    CataloguedModel::of_the_settings(id, Prices::default(), 1000, 100)
}

fn offer(terms: CataloguedModel) -> Offer {
    Offer { terms, model: Model::new(Dummy::default()) }
}

fn prompt(bytes: usize) -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "x".repeat(bytes))], ..Prompt::default() }
}

fn embedder(id: &str) -> CataloguedModel {
    CataloguedModel { takes: BTreeSet::from([Ability::Embeddings]), ..terms(id) }
}

fn inputs(texts: &[&str]) -> Prompt {
    let texts = texts.iter().map(|text| Input::Text((*text).to_owned())).collect();
    Prompt { inputs: Some(EmbeddingInputs { texts, dimensions: None, base64: false }), ..Prompt::default() }
}

#[test]
fn a_model_makes_vectors_or_talks_and_is_asked_for_nothing_else() {
    let (talks, embeds) = (offer(terms("m")), offer(embedder("v")));
    assert_eq!((talks.unsupported(&prompt(4)), talks.unsupported(&inputs(&["a"]))), (None, Some("input")));
    assert_eq!((embeds.unsupported(&prompt(4)), embeds.unsupported(&inputs(&["a"]))), (Some("messages"), None));
}

#[test]
fn each_input_has_the_context_and_all_of_them_are_priced_without_output() {
    let embeds = offer(embedder("v"));
    let (fits, too_long) = ("x".repeat(4000), "x".repeat(4001));
    assert!(embeds.has_room_for(&inputs(&[&fits, &fits])) && !embeds.has_room_for(&inputs(&["a", &too_long])));
    let prices = Prices::per_token(Credits::new(1_000_000).unwrap(), Credits::new(9_000_000).unwrap());
    let dear = Offer { terms: CataloguedModel { prices, ..embedder("v") }, ..embeds };
    let quote = dear.quote(&inputs(&["Hello", "a"]), OutputLimits { most: 100, least: 5 });
    assert_eq!((u64::from(quote.least()), u64::from(quote.most())), (5 + 1 + 2 * 16, 5 + 1 + 2 * 16));
    assert!(quote.is_covered_by(quote.most()) && quote.max_output_tokens(quote.most()) == 0);
}

#[test]
fn a_model_is_found_by_its_id_and_its_aliases() {
    let model = CataloguedModel { aliases: vec!["small".to_owned(), "s".to_owned()], ..terms("some/model") };
    let catalogue = Catalogue::of_one(Provider::new(Protocol::Dummy), model);
    let offers = Offers::new(Arc::new(CurrentCatalogue { version: Some(7), catalogue }), &NotedConnection::default());
    for name in ["some/model", "small", "s"] {
        let found = offers.find(name).unwrap();
        assert_eq!((found.first.id(), found.fallbacks.len(), found.catalogue), ("some/model", 0, Some(7)), "{name}");
    }
    assert!(offers.find("model").is_none() && offers.find("").is_none());
    assert_eq!(offers.first().unwrap().first.id(), "some/model");
    assert_eq!(offers.listed().collect::<Vec<_>>(), ["some/model"]);
}

#[test]
fn a_hidden_model_is_found_and_not_listed() {
    let catalogue =
        Catalogue::of_one(Provider::new(Protocol::Dummy), CataloguedModel { hidden: true, ..terms("secret") });
    let offers = Offers::new(Arc::new(CurrentCatalogue { version: None, catalogue }), &NotedConnection::default());
    assert!(offers.find("secret").is_some());
    assert_eq!(offers.listed().count(), 0);
}

fn of_three() -> Offers {
    let model = |id: &str, aliases: Value, fallbacks: Value| {
        json!({
            "id": id,
            "provider": "p",
            "provider_model": "m",
            "prices": {"input": 1, "output": 1},
            "context_tokens": 1000,
            "max_output_tokens": 100,
            "aliases": aliases,
            "fallbacks": fallbacks,
        })
    };
    let models = [
        model("first", json!([]), json!(["two", "third"])),
        model("second", json!(["two"]), json!(["third"])),
        model("third", json!([]), json!([])),
    ];
    let catalogue = json!({"providers": {"p": {"protocol": "dummy"}}, "models": models});
    let catalogue = Catalogue::from_value(&catalogue).unwrap();
    Offers::new(Arc::new(CurrentCatalogue { version: Some(1), catalogue }), &NotedConnection::default())
}

#[test]
fn fallbacks_come_in_their_order_and_bring_none_of_their_own() {
    let ids = |candidates: Candidates| -> Vec<String> {
        [candidates.first].iter().chain(&candidates.fallbacks).map(|offer| offer.id().to_owned()).collect()
    };
    let offers = of_three();
    assert_eq!(ids(offers.first().unwrap()), ["first", "second", "third"]);
    assert_eq!(ids(offers.find("two").unwrap()), ["second", "third"]);
    assert_eq!(ids(offers.find("third").unwrap()), ["third"]);
    assert_eq!(offers.listed().collect::<Vec<_>>(), ["first", "second", "third"]);
}

/// A model whose connection has always rested, and is looked at for a while. It counts the looks that have begun and ended.
#[derive(Clone, Debug, Default)]
struct Rested(Arc<[AtomicUsize; 2]>);

impl ChatModel for Rested {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        let looks = Arc::clone(&self.0);
        Some(
            async move {
                looks[0].fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                looks[1].fetch_add(1, Ordering::Relaxed);
            }
            .boxed(),
        )
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _most: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        unreachable!("nobody asks")
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _most: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        unreachable!("nobody asks")
    }
}

#[tokio::test(start_paused = true)]
async fn the_connections_of_all_candidates_are_looked_at_beside_what_the_caller_does() {
    let models = [(); 3].map(|()| Rested::default());
    let offers = models.clone().map(|model| Arc::new(Offer { terms: terms("m"), model: Model::new(model) }));
    let [first, fallbacks @ ..] = offers;
    Candidates { first, fallbacks: fallbacks.to_vec(), catalogue: None }.look_at_connections();
    let looks = || models.each_ref().map(|Rested(looks)| looks.each_ref().map(|count| count.load(Ordering::Relaxed)));
    tokio::task::yield_now().await;
    assert_eq!(looks(), [[1, 0]; 3]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(looks(), [[1, 1]; 3]);
}

#[tokio::test]
async fn the_models_of_a_catalogue_are_connected_once() {
    let connection = NotedConnection::default();
    let catalogues = Catalogues::without_table(Catalogue::of_one(Provider::new(Protocol::Dummy), terms("m")));
    let desk = OfferDesk::new(catalogues, Box::new(connection.clone()));
    let (first, second) = (desk.current().await.unwrap(), desk.current().await.unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(*connection.0.lock().unwrap(), ["m"]);
}

#[tokio::test]
async fn a_start_connects_the_catalogue_that_it_has_read_and_reads_none_for_that() {
    let desk = |catalogues, connection: &NotedConnection| OfferDesk::new(catalogues, Box::new(connection.clone()));
    let catalogues = || Catalogues::without_table(Catalogue::of_one(Provider::new(Protocol::Dummy), terms("m")));
    let unread = NotedConnection::default();
    desk(catalogues(), &unread).warm_up().await;
    assert!(unread.0.lock().unwrap().is_empty());

    let (read, connection) = (catalogues(), NotedConnection::default());
    read.warm_up().await;
    let desk = desk(read, &connection);
    desk.warm_up().await;
    assert_eq!(*connection.0.lock().unwrap(), ["m"]);
    desk.current().await.unwrap();
    assert_eq!(*connection.0.lock().unwrap(), ["m"], "the first request connects nothing");
}

#[test]
fn a_reply_is_as_long_as_the_model_writes_or_the_caller_wants() {
    let offer = offer(terms("m"));
    for (wanted, least_output_tokens, most, least) in
        [(None, 16, 100, 16), (Some(50), 16, 50, 16), (Some(5), 16, 5, 5), (Some(500), 500, 100, 100)]
    {
        let limits = offer.limits(wanted, least_output_tokens);
        assert_eq!(limits, OutputLimits { most, least }, "{wanted:?} {least_output_tokens}");
    }
}

#[test]
fn a_prompt_has_room_up_to_the_context_window_by_the_estimate() {
    let offer = offer(terms("m"));
    let around = usize::try_from(prompt(0).estimated_input_tokens(0)).unwrap();
    assert!(offer.has_room_for(&prompt(4 * (1000 - around))));
    assert!(!offer.has_room_for(&prompt(4 * (1000 - around) + 1)));
}

#[test]
fn a_quote_is_at_the_models_prices_for_the_most_tokens_that_the_prompt_can_be() {
    let prices = Prices { request: Credits::new(3).unwrap(), ..Prices::default() };
    let offer = offer(CataloguedModel { prices, ..terms("m") });
    let (prompt, limits) = (prompt(9), offer.limits(None, 16));
    assert_eq!(offer.quote(&prompt, limits), prices.quote(prompt.most_input_tokens(0), 0, limits));
}

fn with_images(images: usize) -> Prompt {
    let image = Image { at: 0, media_type: ImageType::Png, data: "iVBORw0KGgo=".to_owned(), detail: None };
    let turn = Turn { images: vec![image; images], ..Turn::text(Role::User, "") };
    Prompt { turns: vec![turn.clone(), turn], ..Prompt::default() }
}

#[test]
fn images_count_towards_the_context_the_limit_and_the_price() {
    let prices = Prices { image: Credits::new(3).unwrap(), ..Prices::default() };
    let offer = offer(CataloguedModel { prices, image_tokens: Some(100), ..terms("m") });
    let (none, four) = (with_images(0), with_images(2));
    assert_eq!(offer.most_input_tokens(&four), offer.most_input_tokens(&none) + 400);
    assert_eq!(offer.estimated_input_tokens(&four), offer.estimated_input_tokens(&none) + 400);
    assert!(offer.has_room_for(&four) && !offer.has_room_for(&with_images(5)));
    let limits = offer.limits(None, 16);
    assert_eq!(offer.quote(&four, limits), prices.quote(offer.most_input_tokens(&four), 4, limits));
    assert_eq!(u64::from(offer.quote(&four, limits).least()), 4 * 3);
}

#[test]
fn members_that_the_catalogue_lists_count_towards_the_limit_and_others_do_not() {
    let extra_parameters = BTreeSet::from(["top_k".to_owned()]);
    let offer = offer(CataloguedModel { extra_parameters, ..terms("m") });
    let with = |name: &str, json: Value| {
        let value = RawJson::from(serde_json::value::to_raw_value(&json).unwrap());
        Prompt { extra: BTreeMap::from([(name.to_owned(), value)]), ..prompt(9) }
    };
    let plain = offer.most_input_tokens(&prompt(9));
    assert_eq!(offer.most_input_tokens(&with("other", json!("x".repeat(100)))), plain);
    assert!(offer.most_input_tokens(&with("top_k", json!("x".repeat(100)))) > plain + 100);
    // A server may put an instruction before each of the texts of which it makes vectors.
    let of_vectors = |prompt: Prompt| {
        let texts = vec![Input::Text("a".to_owned()); 7];
        let inputs = Some(EmbeddingInputs { texts, dimensions: None, base64: false });
        offer.most_input_tokens(&Prompt { turns: Vec::new(), inputs, ..prompt })
    };
    assert!(of_vectors(with("top_k", json!("x".repeat(100)))) > of_vectors(prompt(9)) + 7 * 100);
}

#[derive(Debug)]
struct Seedless;

impl ChatModel for Seedless {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        prompt.sampling.seed.map(|_| "seed")
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        panic!("is never asked")
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        panic!("is never asked")
    }
}

#[test]
fn a_parameter_is_refused_unless_the_catalogue_lists_its_ability_and_the_model_knows_it() {
    let tool = Tool { name: "f".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
    let with_tools = Prompt { tools: Tools { offered: vec![tool], ..Tools::default() }, ..prompt(1) };
    let schema = ResponseFormat::JsonSchema { name: "s".to_owned(), description: None, schema: None, strict: None };
    let with_schema = Prompt { response_format: Some(schema), ..prompt(1) };
    let with_object = Prompt { response_format: Some(ResponseFormat::JsonObject), ..prompt(1) };
    let with_effort = Prompt { reasoning_effort: Some("low".to_owned()), ..prompt(1) };
    let with_seed = Prompt { sampling: Sampling { seed: Some(1), ..Sampling::default() }, ..prompt(1) };
    for (prompt, name, ability) in [
        (prompt(1), None, None),
        (with_object, None, None),
        (with_images(1), Some("image_url"), Some(Ability::Images)),
        (with_tools, Some("tools"), Some(Ability::Tools)),
        (Prompt { turns: vec![Turn::text(Role::Tool, "4")], ..Prompt::default() }, Some("tools"), Some(Ability::Tools)),
        (with_schema, Some("response_format"), Some(Ability::JsonSchema)),
        (with_effort, Some("reasoning_effort"), Some(Ability::Reasoning)),
        (with_seed, Some("seed"), None),
    ] {
        let takes = |takes| {
            let terms = CataloguedModel { takes, ..terms("m") };
            Offer { terms, model: Model::new(Seedless) }.unsupported(&prompt)
        };
        assert_eq!(takes(BTreeSet::new()), name);
        let others = [Ability::Images, Ability::Tools, Ability::JsonSchema, Ability::Reasoning].into_iter();
        assert_eq!(takes(others.filter(|other| Some(*other) != ability).collect()), name);
        let expected = if ability.is_some() { None } else { name };
        assert_eq!(takes(ability.into_iter().collect()), expected);
    }
}

#[test]
fn the_model_of_the_settings_takes_what_its_protocol_has() {
    let openai = OpenAiSettings { base_url: None, model_id: "m".to_owned(), api_key: None };
    let bedrock = BedrockSettings { model_id: "m".to_owned() };
    let all = [Ability::Tools, Ability::JsonSchema, Ability::Reasoning];
    for (settings, takes) in [
        (ModelSettings::OpenAi(openai), &all[..]),
        (ModelSettings::Bedrock(bedrock), &all),
        (ModelSettings::Dummy(Dummy::default()), &[]),
    ] {
        let (_, model) = settings.catalogued(Prices::default(), 1000, 100);
        assert_eq!(model.takes, takes.iter().copied().collect(), "{settings:?}");
    }
}

/// OpenAI's Responses refuse a lower limit, after the hold.
#[test]
fn a_reply_is_not_limited_to_fewer_tokens_than_the_provider_takes() {
    use crate::unconnected::Unconnected;
    let limits = |protocol, max_output_tokens, wanted, least| {
        let terms = CataloguedModel { max_output_tokens, ..terms("m") };
        let model = Unconnected.connect(&Provider::new(protocol), &terms);
        let OutputLimits { most, least } = Offer { terms, model }.limits(wanted, least);
        (most, least)
    };
    for (max_output_tokens, wanted, least, expected) in [
        (100, None, 50, (100, 50)),
        (100, None, 1, (100, 16)),
        (100, Some(8), 50, (16, 16)),
        (100, Some(20), 50, (20, 20)),
        (8, None, 50, (16, 16)),
    ] {
        let found = limits(Protocol::OpenAiResponses, max_output_tokens, wanted, least);
        assert_eq!(found, expected, "{max_output_tokens} {wanted:?} {least}");
    }
    for protocol in [Protocol::OpenAi, Protocol::Anthropic, Protocol::Bedrock, Protocol::Dummy] {
        assert_eq!(limits(protocol, 100, Some(8), 50), (8, 8));
    }
}
