//! The requests of each endpoint to DynamoDB once its function has started, in capacity units and money. The tests
//! compare them with the table in docs/costs.md.

use std::fmt;
use std::fs;

use serde_json::{Map, Value, json};
use shared::domain::code::VoucherCode;
use shared::domain::credits::Credits;
use shared::domain::ids::{EntryId, SessionId};
use shared::domain::time::Clock;
use shared::domain::username::Username;
use shared::identity::attempts::ATTEMPTS_OF_STRANGERS;
use shared::identity::sessions::MAX_SESSIONS;
use shared::ledger::vouchers::VoucherKind;
use testkit::gateway::{Request, Response};
use testkit::recorder::RecordedRequest;
use testkit::template::workspace_root;

use crate::requests::{
    FIRST_CONVERSATION, admin_user, anthropic_message, balance, bulk_grant, catalogue_with_embeddings, change_api_key,
    change_password, chat, completion, completion_body, count_tokens, delete_account, delete_conversation, embeddings,
    end_api_key, end_session, give, log_in, make_api_key, make_api_key_with, make_conversation, make_vouchers, message,
    message_in, messages_of, quote, quote_of_message, receipt, redeem, refresh, register, register_invited,
    rename_conversation, reset_password, response, set_accepting, text_completion, verify,
};
use crate::world::{PASSWORD, World};
use crate::{forgery, providers};

/// US dollars per million units on demand, in us-east-1 since November 2024, as docs/costs.md says.
const USD_PER_MILLION_WRITE_UNITS: f64 = 0.625;
const USD_PER_MILLION_READ_UNITS: f64 = 0.125;

const TABLE_HEAD: &str =
    "| request | to DynamoDB | write units | read units | USD per million |\n|---|---|--:|--:|--:|\n";

/// One line of the table in docs/costs.md.
struct Cost {
    request: &'static str,
    operations: Vec<String>,
    write_units: f64,
    read_units: f64,
}

impl Cost {
    fn of(request: &'static str, recorded: &[RecordedRequest]) -> Self {
        let mut cost = Self { request, operations: Vec::new(), write_units: 0.0, read_units: 0.0 };
        for recorded in recorded {
            cost.operations.push(operation(recorded));
            let units_of_kind = if recorded.is_read() { &mut cost.read_units } else { &mut cost.write_units };
            *units_of_kind += units(recorded);
        }
        cost
    }

    fn usd_per_million(&self) -> f64 {
        self.write_units * USD_PER_MILLION_WRITE_UNITS + self.read_units * USD_PER_MILLION_READ_UNITS
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, operations, write_units, read_units } = self;
        let (count, operations, usd) = (operations.len(), operations.join(", "), self.usd_per_million());
        writeln!(formatter, "| {request} | {count}: {operations} | {write_units} | {read_units} | {usd:.3} |")
    }
}

/// The operation, and its number of items if it can have several.
fn operation(recorded: &RecordedRequest) -> String {
    let name = &recorded.operation;
    match name.as_str() {
        "TransactWriteItems" => format!("{name} of {}", transaction_items(recorded)),
        "BatchWriteItem" => {
            let tables = recorded.body["RequestItems"].as_object().unwrap().values();
            format!("{name} of {}", tables.map(|requests| requests.as_array().unwrap().len()).sum::<usize>())
        }
        "BatchGetItem" => {
            let tables = recorded.body["RequestItems"].as_object().unwrap().values();
            format!("{name} of {}", tables.map(|table| table["Keys"].as_array().unwrap().len()).sum::<usize>())
        }
        _ => name.clone(),
    }
}

fn transaction_items(recorded: &RecordedRequest) -> u32 {
    recorded.body["TransactItems"].as_array().unwrap().len().try_into().unwrap()
}

fn units(recorded: &RecordedRequest) -> f64 {
    if recorded.response_status == 400 {
        // DynamoDB does not say what a refused write cost. It counts like a successful one: a unit for an item, and at most
        // two in a transaction, since no item that is refused has more than 1 KB here.
        let is_transaction = recorded.operation == "TransactWriteItems";
        return if is_transaction { f64::from(2 * transaction_items(recorded)) } else { 1.0 };
    }
    recorded.units().unwrap_or_else(|| panic!("no capacity: {recorded:?}"))
}

/// The cost of `request` at a function that has started. The request must succeed.
async fn cost(world: &World, name: &'static str, function: &str, request: Request) -> Cost {
    let (cost, response) = cost_and_response(world, name, function, request).await;
    assert!(response.status < 300, "{response:?}");
    cost
}

/// The cost of a request that is refused with `status`.
async fn cost_of_refusal(world: &World, name: &'static str, function: &str, request: Request, status: u16) -> Cost {
    let (cost, response) = cost_and_response(world, name, function, request).await;
    assert_eq!(response.status, status, "{response:?}");
    cost
}

async fn cost_and_response(world: &World, name: &'static str, function: &str, request: Request) -> (Cost, Response) {
    world.stack.function(function).await;
    world.stack.recorder().ask_for_capacity();
    world.stack.recorder().clear();
    let response = world.stack.send(request).await;
    let mut recorded = world.stack.recorder().requests();
    recorded.retain(|request| !asks_for_the_operators_word(request));
    (Cost::of(name, &recorded), response)
}

/// Whether a read is for a stop or for the catalogue. The clock decides which request makes it: one each half minute, or
/// each minute.
fn asks_for_the_operators_word(request: &RecordedRequest) -> bool {
    let partition = &request.body["Key"]["pk"]["S"];
    partition == "STOP" || partition == "CATALOGUE"
}

/// The costs in the order of the table. Ada has twenty short messages when she lists them.
async fn costs(world: &World) -> Vec<Cost> {
    world.register("ada", 100).await;
    let ada = world.log_in("ada").await;
    let with_key = || chat().bearer(&ada.access).header("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    let get = |path: &str| Request::get(path).bearer(&ada.access);
    let mut costs = vec![
        cost(world, "`POST /register/`", "register", register("bob", PASSWORD)).await,
        cost(world, "`POST /login/`", "login", log_in("ada", PASSWORD)).await,
        cost(world, "`POST /token/refresh/`", "token-refresh", refresh(&ada.refresh)).await,
        cost(world, "`POST /token/verify/`", "token-verify", verify(&ada.access)).await,
        cost(world, "… of a refresh token", "token-verify", verify(&ada.refresh)).await,
        cost(world, "`GET /token_balance/`", "token-balance", get("/token_balance/")).await,
        cost(world, "`POST /chatView/`", "chat", chat().bearer(&ada.access)).await,
        cost(world, "… streamed", "chat", chat().header("Accept", "text/event-stream").bearer(&ada.access)).await,
        cost(world, "… of 10 KB", "chat", message(&"x".repeat(10 * 1024)).bearer(&ada.access)).await,
        cost(world, "… with `Idempotency-Key`", "chat", with_key()).await,
        cost(world, "… answered again", "chat", with_key()).await,
        cost(world, "`POST /chatView/quote/`", "chat", quote_of_message("Hello").bearer(&ada.access)).await,
        cost(world, NOT_SEEN, "chat-completions", completion(false).bearer(&ada.access)).await,
        cost(world, "`POST /v1/chat/completions`", "chat-completions", completion(false).bearer(&ada.access)).await,
        cost(world, "… streamed", "chat-completions", completion(true).bearer(&ada.access)).await,
        cost(world, "… stored", "chat-completions", stored_completion().bearer(&ada.access)).await,
        cost(world, "`POST /v1/quote`", "quote", quote().bearer(&ada.access)).await,
        cost(world, "`GET /v1/models`", "models", get("/v1/models")).await,
    ];
    for _ in 3..20 {
        world.stack.send(chat().bearer(&ada.access)).await;
    }
    costs.extend([
        cost(world, "`GET /transactions/`", "transactions", get("/transactions/")).await,
        cost(world, "`GET /transactions/{id}/receipt/`", "receipt", receipt_of_the_last(world, &ada.access).await)
            .await,
        cost(world, "`GET /usage/`", "usage", get("/usage/")).await,
        cost(world, "`GET /messages/`", "messages", get("/messages/")).await,
        cost(world, "`GET /export/`", "export", get("/export/")).await,
        cost(world, "`GET /.well-known/jwks.json`", "jwks", Request::get("/.well-known/jwks.json")).await,
        cost(world, "`GET /.well-known/receipt-keys.json`", "receipt-keys", receipt_keys()).await,
        cost(world, "`POST /v1/completions`", "completions", text_completion(false).bearer(&ada.access)).await,
        cost(world, "`POST /v1/responses`", "openai-responses", response(false).bearer(&ada.access)).await,
        cost(world, "`POST /v1/messages`", "anthropic-messages", anthropic_message(false).bearer(&ada.access)).await,
        cost(world, "`POST /v1/messages/count_tokens`", "anthropic-messages", count_tokens().bearer(&ada.access)).await,
    ]);
    world.put_catalogue(Some(&catalogue_with_embeddings())).await;
    let remembered = || embeddings().bearer(&ada.access).header("Idempotency-Key", "vectors");
    costs.extend([
        cost(world, "`POST /v1/embeddings`", "embeddings", embeddings().bearer(&ada.access)).await,
        cost(world, "… with `Idempotency-Key`", "embeddings", remembered()).await,
        cost(world, "… answered again", "embeddings", remembered()).await,
    ]);
    world.put_catalogue(None).await;
    costs
}

fn stored_completion() -> Request {
    let mut body = completion_body(false);
    body["store"] = json!(true);
    Request::post("/v1/chat/completions").json(&body)
}

/// The request of a person to a function that has held nothing in the account for a minute.
const NOT_SEEN: &str = "`POST /v1/chat/completions`, for the first time in a minute";

/// The request of a program to a function that has not read its API key for a minute, and held nothing in the account.
const NOT_REMEMBERED: &str = "`POST /v1/chat/completions` with an API key, for the first time in a minute";

/// The costs of sessions, API keys and accounts. Grace has three sessions and an API key.
async fn costs_of_an_account(world: &World) -> Vec<Cost> {
    world.register("grace", 100).await;
    let (one, two, three) = (world.log_in("grace").await, world.log_in("grace").await, world.log_in("grace").await);
    let get = |path: &str| Request::get(path).bearer(&one.access);
    let log_out = |refresh: &str, everywhere: bool, keys: bool| {
        Request::post("/logout/").json(&json!({"refresh": refresh, "everywhere": everywhere, "keys": keys}))
    };
    let api_key = world.make_api_key(&one.access).await;
    let by_program = |request: Request| request.bearer(&api_key.key);
    let session_id = forgery::claims(&two.access)["sid"].as_str().unwrap().to_owned();
    let mut costs = vec![
        cost(world, "`GET /sessions/`", "sessions", get("/sessions/")).await,
        cost(world, NOT_REMEMBERED, "chat-completions", by_program(completion(false))).await,
    ];
    for (name, function, request) in [
        ("`GET /token_balance/` with an API key", "token-balance", balance()),
        ("`POST /chatView/` with an API key", "chat", chat()),
        ("`POST /v1/chat/completions` with an API key", "chat-completions", completion(false)),
        ("`POST /v1/quote` with an API key", "quote", quote()),
        ("`GET /v1/models` with an API key", "models", Request::get("/v1/models")),
    ] {
        // The function reads the key and remembers it.
        world.stack.send(by_program(request.clone())).await;
        costs.push(cost(world, name, function, by_program(request)).await);
    }
    let narrower = json!({"requests_per_minute": 60});
    costs.extend([
        cost(world, "`GET /v1/credits` with an API key, for the first time in a minute", "credits", {
            by_program(Request::get("/v1/credits"))
        })
        .await,
        cost(world, "`GET /v1/key`", "key", by_program(Request::get("/v1/key"))).await,
        cost(world, "`GET /keys/`", "keys", get("/keys/")).await,
        cost(world, "`POST /keys/`", "keys", make_api_key("my program").bearer(&one.access)).await,
        cost(world, "`PATCH /keys/{id}/`", "keys", change_api_key(&api_key.id, &narrower).bearer(&one.access)).await,
        cost(world, "`DELETE /keys/{id}/`", "keys", end_api_key(&api_key.id).bearer(&one.access)).await,
        cost(world, "`GET /account/`", "account", get("/account/")).await,
        cost(world, "`DELETE /sessions/{id}/`", "sessions", end_session(&session_id).bearer(&one.access)).await,
        cost(world, "`POST /logout/`", "logout", log_out(&three.refresh, false, false)).await,
    ]);
    let change = change_password(PASSWORD, "an even better horse").bearer(&one.access);
    costs.push(cost(world, "`POST /password/`", "password", change).await);
    costs.push(cost(world, "`POST /logout/` everywhere", "logout", log_out(&one.refresh, true, false)).await);
    let end_keys = log_out(&world.log_in("grace").await.refresh, true, true);
    costs.push(cost(world, "… that ends an API key", "logout", end_keys).await);
    world.register("mary", 100).await;
    let mary = world.log_in("mary").await.access;
    world.stack.send(chat().bearer(&mary)).await;
    let delete = delete_account(PASSWORD).bearer(&mary);
    costs.push(cost(world, "`DELETE /account/`", "account", delete).await);
    costs
}

/// The costs of the acts of Ruth, who is staff, on Emilie, who has a session and an API key.
async fn costs_of_people(world: &World) -> Vec<Cost> {
    let staff = world.superuser("ruth").await.access;
    world.register("emilie", 100).await;
    let emilie = world.log_in("emilie").await.access;
    world.make_api_key(&emilie).await;
    world.stack.send(chat().bearer(&emilie)).await;
    let (path, people) = (|act: &str| admin_user("emilie", act), "admin-people");
    let ask = async |name: &'static str, function: &str, request: Request| {
        cost(world, name, function, request.bearer(&staff)).await
    };
    let list = |name: &str, value: &str| Request::get("/admin/users/").query(name, value);
    let change = |body: Value| Request::new("PATCH", &path("")).json(&body);
    let mut costs = vec![
        ask("`GET /admin/users/` of one name", "admin-read", list("search", "emilie")).await,
        ask("`GET /admin/users/{id}/`", people, Request::get(&path(""))).await,
        ask("`PATCH /admin/users/{id}/` of status", people, change(json!({"status": "inactive"}))).await,
        ask("… of status and staff", people, change(json!({"status": "active", "staff": true}))).await,
    ];
    let made = Request::post(&path("reset-codes")).bearer(&staff);
    costs.push(cost(world, "`POST /admin/users/{id}/reset-codes/`", people, made.clone()).await);
    let code = world.stack.send(made).await.json()["code"].as_str().unwrap().to_owned();
    costs.push(cost(world, "`POST /password/reset/`", "password", reset_password(&code, PASSWORD)).await);
    let used = reset_password(&code, PASSWORD);
    costs.push(cost_of_refusal(world, "… with a code that was used", "password", used, 400).await);
    let emilie = world.log_in("emilie").await.access;
    world.make_api_key(&emilie).await;
    let delete = Request::delete(&path("")).json(&json!({"reason": "She asked for it"}));
    costs.extend([
        ask("`POST /admin/users/{id}/end-sessions/`", people, Request::post(&path("end-sessions"))).await,
        ask("`POST /admin/users/{id}/end-keys/` of one", people, Request::post(&path("end-keys"))).await,
        ask("`DELETE /admin/users/{id}/`", people, delete).await,
    ]);
    costs
}

/// The costs of messages by keys with limits. Rose has three of them.
async fn costs_of_limits(world: &World) -> Vec<Cost> {
    world.register("rose", 100).await;
    let access = world.log_in("rose").await.access;
    let make = async |limits: Value| {
        let made = world.stack.send(make_api_key_with(&limits).bearer(&access)).await;
        made.json()["key"].as_str().unwrap().to_owned()
    };
    let rated = make(json!({"requests_per_minute": 60})).await;
    let of_models = make(json!({"models": ["dummy"]})).await;
    let with_budget = make(json!({"budget": {"credits": 3, "per": "total"}})).await;
    let function = "chat-completions";
    for key in [&rated, &of_models, &with_budget] {
        // The function reads the key and remembers it.
        world.stack.send(completion(false).bearer(key)).await;
    }
    world.stack.send(completion(false).bearer(&rated)).await;
    let by = |key: &str| completion(false).bearer(key);
    let budgeted = || by(&with_budget).header("Idempotency-Key", "once");
    vec![
        cost(world, "`POST /v1/chat/completions` with a key that has requests a minute", function, by(&rated)).await,
        cost(world, "… with a key that names models", function, by(&of_models)).await,
        cost(world, "… with a key that has a budget", function, by(&with_budget)).await,
        cost(world, "… and with `Idempotency-Key`", function, budgeted()).await,
        cost_of_refusal(world, "… whose budget is spent", function, by(&with_budget), 402).await,
        cost(world, "`GET /v1/key` with a budget", "key", Request::get("/v1/key").bearer(&with_budget)).await,
        cost(world, "`GET /keys/` of three, one of which has a budget", "keys", Request::get("/keys/").bearer(&access))
            .await,
    ]
}

/// The cost of the message that takes what is due of an allowance. Hertha's account was not used since the period began.
async fn cost_of_a_step(world: &World) -> Cost {
    world.register("hertha", 100).await;
    let access = world.log_in("hertha").await.access;
    let allowance =
        json!({"credits": {"N": "5"}, "per": {"S": "month"}, "cap": {"N": "900"}, "through": {"S": "2020-01"}});
    change_account(world, "hertha", &json!({"allowance": {"M": allowance}})).await;
    let name = "`POST /v1/chat/completions` that takes what is due of an allowance";
    cost(world, name, "chat-completions", completion(false).bearer(&access)).await
}

/// The costs of conversations. Joan has twenty short messages in one when she lists them.
async fn costs_of_conversations(world: &World) -> Vec<Cost> {
    world.register("joan", 100).await;
    let access = world.log_in("joan").await.access;
    let ask = async |name: &'static str, function: &str, request: Request| {
        cost(world, name, function, request.bearer(&access)).await
    };
    let made = world.stack.send(make_conversation("My holidays").bearer(&access)).await.json();
    let id = made["id"].as_str().unwrap();
    let mut costs = vec![
        ask("`POST /conversations/`", "conversations", make_conversation("My journeys")).await,
        ask("`PATCH /conversations/{id}/`", "conversations", rename_conversation(id, "My journeys")).await,
        ask("`POST /chatView/` in a conversation", "chat", message_in(id, "Hello")).await,
    ];
    for _ in 1..20 {
        world.stack.send(message_in(id, "Hello").bearer(&access)).await;
    }
    costs.extend([
        ask("`GET /conversations/`", "conversations", Request::get("/conversations/")).await,
        ask("`GET /conversations/{id}/messages/`", "conversations", messages_of(id)).await,
        ask("`GET /messages/` of one conversation", "messages", Request::get("/messages/")).await,
        ask("`DELETE /conversations/{id}/`", "conversations", delete_conversation(id)).await,
    ]);
    world.stack.send(chat().bearer(&access)).await;
    let empty = delete_conversation(FIRST_CONVERSATION);
    costs.push(ask("… of the first, with one message", "conversations", empty).await);
    costs
}

/// The costs of guesses at the password of somebody with the longest name, the most sessions and networks, and a name's
/// item with the most counts.
async fn costs_of_guesses(world: &World) -> Vec<Cost> {
    let longest = "\u{10428}".repeat(Username::MAX_CHARACTERS);
    world.register(&longest, 100).await;
    let clock = Clock::system();
    let sessions: Vec<String> = (0..MAX_SESSIONS).map(|_| SessionId::new(&clock).to_string()).collect();
    let networks = (0..20).map(|number| (format!("1111:2222:3333:{:x}::/64", 0x4444 + number), now(&clock)));
    let fill = json!({
        "TableName": world.stack.table().name(),
        "Key": {"pk": {"S": format!("LOGIN#{longest}")}, "sk": {"S": "LOGIN"}},
        "ConditionExpression": "attribute_exists(pk)",
        "UpdateExpression": "SET sessions = :sessions, networks = :networks",
        "ExpressionAttributeValues": {
            ":sessions": {"SS": sessions}, ":networks": {"M": networks.collect::<Map<String, Value>>()},
        },
    });
    world.stack.table().call("UpdateItem", &fill).await.unwrap();
    for guess in 1..ATTEMPTS_OF_STRANGERS {
        world.guess(&longest, &format!("0:0:0:{guess:x}::1"), &clock).await.unwrap();
    }
    let guess = || log_in(&longest, "a wrong password").source_ip("0:0:0:ffff::1");
    let wrong = cost_of_refusal(world, "… with a wrong password", "login", guess(), 401).await;
    world.use_up_guesses(&longest).await;
    let throttled = cost_of_refusal(world, "… beyond a limit on guesses", "login", guess(), 429).await;
    vec![wrong, throttled]
}

fn now(clock: &Clock) -> Value {
    json!({"N": clock.now().seconds().to_string()})
}

/// The first message to a function after another one has spent what it remembers.
const SPENT_ELSEWHERE: &str = "… whose credits another function spent since the last message here";

/// The costs of messages that are refused before anything is held, to a model that reads earlier messages. The account has
/// the longest name, the most holds, each with an idempotency key, and a long stored message.
async fn costs_of_refusals() -> Vec<Cost> {
    let settings = [("CONTEXT_TOKENS", "100000"), ("MAX_HOLDS", "20"), ("MAX_INPUT_TOKENS", "15800")];
    let (provider, chatting) = providers::with_openai(&settings).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let world = &chatting.world;
    let longest = "\u{10429}".repeat(Username::MAX_CHARACTERS);
    world.register(&longest, 100).await;
    let access = world.log_in(&longest).await.access;
    let api_key = world.make_api_key(&access).await.key;
    let with_key = |text: &str| message(text).bearer(&access).header("Idempotency-Key", "a-used-key");
    let long = "x".repeat(60 * 1024);
    assert_eq!(world.stack.send(with_key(&long)).await.status, 200);
    let mut costs = vec![
        cost(world, "`POST /chatView/` of 60 KB, answered again", "chat", with_key(&long)).await,
        cost_of_refusal(world, "… with a key that was used for another message", "chat", with_key("Hi"), 422).await,
    ];
    let too_long = message(&"x".repeat(63 * 1024)).bearer(&access);
    costs.push(cost_of_refusal(world, "… that is longer than `MAX_INPUT_TOKENS`", "chat", too_long, 400).await);
    let completion = || {
        let mut body = completion_body(false);
        body["model"] = json!("some-model");
        Request::post("/v1/chat/completions").json(&body).bearer(&api_key)
    };
    // The function reads key and account and remembers them, until it meets what another one has changed.
    assert_eq!(world.stack.send(completion()).await.status, 200);
    change_account(world, &longest, &json!({"balance": {"N": "0"}})).await;
    let spent = cost_of_refusal(world, SPENT_ELSEWHERE, "chat-completions", completion(), 402).await;
    let holds = json!({"M": holds_of_an_account()});
    let unpaid = json!({"M": {"began_at": hour(), "unpaid": {"N": "20"}, "charged": {"N": "0"}}});
    for (name, status, changes) in [
        ("`POST /v1/chat/completions` without credits", 402, json!({"balance": {"N": "0"}})),
        ("… with the most messages in flight", 429, json!({"balance": {"N": "100"}, "holds": holds})),
        ("… after too much unpaid work", 429, json!({"hourly": unpaid})),
        ("… of a deactivated account", 401, json!({"status": {"S": "inactive"}})),
    ] {
        change_account(world, &longest, &changes).await;
        costs.push(cost_of_refusal(world, name, "chat-completions", completion(), status).await);
        let by_person = chat().bearer(&access);
        let by_person = cost_of_refusal(world, name, "chat", by_person, status).await;
        assert_eq!(by_person.operations, ["GetItem"], "at `/chatView/` without an API key");
    }
    costs.push(spent);
    costs
}

/// As many live holds as an account may have, each as long as a hold can be.
fn holds_of_an_account() -> Map<String, Value> {
    let hold = |number: u32| {
        let place = format!("{number:022}");
        let members = json!({
            "id": {"S": EntryId::new(&Clock::system()).to_string()},
            "amount": {"N": u64::from(Credits::MAX).to_string()},
            "expires_at": {"N": "9999999999"},
            "fingerprint": {"S": place},
        });
        (place, json!({"M": members}))
    };
    (0..20).map(hold).collect()
}

/// The beginning of this clock hour, or of the next one if this is about to end.
fn hour() -> Value {
    let seconds = Clock::system().now().seconds() + 60;
    json!({"N": (seconds - seconds % 3600).to_string()})
}

/// Changes attributes of an account, past the API.
pub async fn change_account(world: &World, username: &str, changes: &Value) {
    let table = world.stack.table();
    let accounts = table.items().await.into_iter().filter(|item| item["sk"]["S"] == "ACCOUNT");
    let mut account = accounts.into_iter().find(|item| item["username"]["S"] == username).unwrap();
    account.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    table.call("PutItem", &json!({"TableName": table.name(), "Item": account})).await.unwrap();
}

/// A request for the receipt of the newest transaction.
async fn receipt_of_the_last(world: &World, access: &str) -> Request {
    let listed = world.stack.send(Request::get("/transactions/").query("limit", "1").bearer(access)).await.json();
    receipt(listed["transactions"][0]["id"].as_str().unwrap()).bearer(access)
}

fn receipt_keys() -> Request {
    Request::get("/.well-known/receipt-keys.json")
}

/// The costs of what staff do to the deployment, and of looking. Barbara is staff, and Rita has two summed messages.
async fn costs_of_the_deployment(world: &World) -> Vec<Cost> {
    let staff = world.superuser("barbara").await.access;
    world.register("rita", 100).await;
    let rita = world.log_in("rita").await.access;
    for _ in 0..2 {
        world.stack.send(chat().bearer(&rita)).await;
    }
    let id = world.user_id("rita").await;
    let get = |path: &str| Request::get(path).bearer(&staff);
    let version = world.stack.send(get("/admin/catalogue/")).await.json()["version"].clone();
    let replacement = json!({"catalogue": catalogue_with_embeddings(), "version": version});
    let replacement = Request::put("/admin/catalogue/").json(&replacement).bearer(&staff);
    let check = Request::post("/admin/catalogue/check/").json(&json!({"catalogue": {}})).bearer(&staff);
    let mut costs = vec![
        whole_cost(world, "`GET /admin/catalogue/`", "admin-catalogue", get("/admin/catalogue/")).await,
        whole_cost(world, "`PUT /admin/catalogue/` of 1 KB", "admin-catalogue", replacement).await,
        whole_cost(world, "`POST /admin/catalogue/check/`", "admin-catalogue", check).await,
        whole_cost(world, "`PUT /admin/accepting/`", "admin-people", set_accepting(true).bearer(&staff)).await,
        whole_cost(world, "`GET /admin/catalogue/versions/`", "admin-catalogue", get("/admin/catalogue/versions/"))
            .await,
        whole_cost(world, "`GET /admin/catalogue/versions/{version}/`", "admin-catalogue", {
            get("/admin/catalogue/versions/1/")
        })
        .await,
    ];
    world.put_catalogue(None).await;
    let [transactions, usage] = ["transactions", "usage"].map(|list| get(&format!("/admin/users/{id}/{list}/")));
    costs.extend([
        cost(world, "`GET /admin/history/`", "admin-read", get("/admin/history/").query("limit", "20")).await,
        cost(world, "`GET /admin/history/` of a user by name", "admin-read", {
            get("/admin/history/").query("subject", "rita")
        })
        .await,
        cost(world, "`GET /admin/settings/`", "admin-read", get("/admin/settings/")).await,
        whole_cost(world, "`GET /admin/health/`", "admin-read", get("/admin/health/")).await,
        cost(world, "`GET /admin/users/{id}/transactions/`", "admin-read", transactions).await,
        cost(world, "`GET /admin/users/{id}/usage/`", "admin-read", usage).await,
        cost(world, "`GET /admin/usage/`", "admin-read", get("/admin/usage/")).await,
    ]);
    costs
}

/// The cost of a request that reads stop or catalogue whenever it is sent.
async fn whole_cost(world: &World, name: &'static str, function: &str, request: Request) -> Cost {
    world.stack.function(function).await;
    world.stack.recorder().ask_for_capacity();
    world.stack.recorder().clear();
    let response = world.stack.send(request).await;
    assert!(response.status < 300, "{response:?}");
    Cost::of(name, &world.stack.recorder().requests())
}

/// More entries than a page of transactions reads.
const OLD_ENTRIES: usize = 600;

/// The cost of a page of transactions whose condition few of them meet. Lise has hundreds of entries of messages.
async fn cost_of_a_condition(world: &World) -> Cost {
    world.register("lise", 100).await;
    let access = world.log_in("lise").await.access;
    world.stack.send(chat().bearer(&access)).await;
    let entries = world.entries_of(&world.user_id("lise").await).await;
    let mut entry = entries.into_iter().find(|entry| entry["kind"]["S"] == "chat").unwrap();
    let clock = Clock::system();
    let mut put_new = || {
        entry["sk"] = json!({"S": format!("ENTRY#{}", EntryId::new(&clock))});
        json!({"PutRequest": {"Item": entry}})
    };
    let table = world.stack.table();
    for _ in 0..OLD_ENTRIES / 25 {
        let puts: Vec<Value> = (0..25).map(|_| put_new()).collect();
        table.call("BatchWriteItem", &json!({"RequestItems": {table.name(): puts}})).await.unwrap();
    }
    let request = Request::get("/transactions/").query("model", "rare").bearer(&access);
    cost(world, "`GET /transactions/` of a rare model, after hundreds of others", "transactions", request).await
}

/// Sessions of the past whose items DynamoDB has not deleted yet.
const ENDED_SESSIONS: usize = 3000;

/// The costs of Hedy's lists. She has as many sessions as a user may have, and has ended thousands everywhere.
async fn costs_of_many_sessions(world: &World) -> Vec<Cost> {
    world.register("hedy", 100).await;
    for _ in 1..MAX_SESSIONS {
        world.log_in("hedy").await;
    }
    let access = world.log_in("hedy").await.access;
    let id = forgery::claims(&access)["sid"].as_str().unwrap().to_owned();
    let table = world.stack.table();
    let mut session = table.items().await.into_iter().find(|item| item["sk"]["S"] == format!("SESSION#{id}")).unwrap();
    session["session_epoch"] = json!({"N": "0"});
    let clock = Clock::system();
    let mut put_new = || {
        session["sk"] = json!({"S": format!("SESSION#{}", SessionId::new(&clock))});
        json!({"PutRequest": {"Item": session}})
    };
    for _ in 0..ENDED_SESSIONS / 25 {
        let puts: Vec<Value> = (0..25).map(|_| put_new()).collect();
        table.call("BatchWriteItem", &json!({"RequestItems": {table.name(): puts}})).await.unwrap();
    }
    let get = |path: &str| Request::get(path).bearer(&access);
    vec![
        cost(world, "`GET /sessions/` of fifty, after thousands", "sessions", get("/sessions/")).await,
        cost(world, "`GET /account/` with fifty, after thousands", "account", get("/account/")).await,
    ]
}

/// The costs of vouchers: of Rosalind, who is staff, and of those who redeem one and register by another.
async fn costs_of_vouchers(world: &World) -> Vec<Cost> {
    let staff = world.superuser("rosalind").await.access;
    let make = |terms: Value| make_vouchers(&terms).bearer(&staff);
    let (code, invitation) =
        (world.make_code(VoucherKind::Credits, 5, 2).await, world.make_code(VoucherKind::Invitation, 5, 1).await);
    let invited = register_invited("marie", &invitation);
    let mut costs = vec![
        cost(world, "`POST /vouchers/redeem/`", "vouchers", redeem(&code).bearer(&staff)).await,
        cost_of_refusal(world, "… of a code that nobody made", "vouchers", unknown_code().bearer(&staff), 404).await,
        cost(world, "`POST /register/` by invitation", "register", invited).await,
        cost(world, "`POST /admin/vouchers/`", "admin-money", make(json!({"amount": 5}))).await,
        cost(world, "… of ninety codes", "admin-money", make(json!({"amount": 5, "count": 90}))).await,
        cost(world, "`GET /admin/vouchers/`", "admin-money", Request::get("/admin/vouchers/").bearer(&staff)).await,
    ];
    let listed = world.stack.send(Request::get("/admin/vouchers/").bearer(&staff)).await.json();
    let batch = format!("/admin/vouchers/{}/", listed["batches"][0]["id"].as_str().unwrap());
    let (show, end) = (Request::get(&batch).bearer(&staff), Request::delete(&batch).bearer(&staff));
    costs.extend([
        cost(world, "`GET /admin/vouchers/{id}/` of ninety codes", "admin-money", show).await,
        cost(world, "`DELETE /admin/vouchers/{id}/` of ninety codes", "admin-money", end).await,
    ]);
    costs
}

/// The costs of grants: of Noor, who is staff, to herself and to Emmy, alone and by files.
async fn costs_of_grants(world: &World) -> Vec<Cost> {
    let staff = world.superuser("noor").await.access;
    world.register("emmy", 10).await;
    let emmy = world.user_id("emmy").await;
    let rows = |first: usize, number: usize| -> String {
        let rows: Vec<String> = (first..first + number).map(|row| format!("row-{row},emmy,1,A course\n")).collect();
        rows.concat()
    };
    let give = |id: &str| give(&emmy, 5, id).bearer(&staff);
    let bulk = |first, number| bulk_grant(&rows(first, number)).bearer(&staff);
    let mut costs = vec![
        cost(world, "`POST /admin/users/{id}/grants/`", "admin-money", give("one")).await,
        cost(world, "… that is repeated", "admin-money", give("one")).await,
        cost(world, "`POST /admin/jobs/` of one row", "admin-money", bulk(0, 1)).await,
        cost(world, "… of three rows", "admin-money", bulk(100, 3)).await,
        cost(world, "`GET /admin/jobs/`", "admin-money", Request::get("/admin/jobs/").bearer(&staff)).await,
    ];
    let listed = world.stack.send(Request::get("/admin/jobs/").bearer(&staff)).await.json();
    let job = format!("/admin/jobs/{}/", listed["jobs"][0]["id"].as_str().unwrap());
    let (show, go_on) = (Request::get(&job).bearer(&staff), Request::post(&job).bearer(&staff));
    costs.extend([
        cost(world, "`GET /admin/jobs/{id}/` of three rows", "admin-money", show).await,
        cost(world, "`POST /admin/jobs/{id}/` where nothing waits", "admin-money", go_on).await,
    ]);
    costs
}

/// The request of somebody who redeems a code that nobody made.
fn unknown_code() -> Request {
    redeem(&VoucherCode::new().unwrap().written())
}

/// The cost of a message to a model that reads earlier messages.
async fn cost_with_context() -> Cost {
    let (provider, chatting) = providers::with_openai(&[]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    cost(&chatting.world, "… with context", "chat", chatting.message("Hello")).await
}

/// The cost of a refresh that replaces the refresh token.
async fn cost_of_rotation() -> Cost {
    let world = World::start_with(&[("ROTATE_REFRESH_TOKENS", "true")]).await;
    world.register("ada", 100).await;
    let refresh_token = world.log_in("ada").await.refresh;
    cost(&world, "… with rotation", "token-refresh", refresh(&refresh_token)).await
}

/// The costs of the starts of functions that ask whether requests are accepted, and for the catalogue.
async fn costs_of_starts() -> Vec<Cost> {
    let world = World::start().await;
    world.stack.recorder().ask_for_capacity();
    let mut costs = Vec::new();
    for (name, function) in [
        ("`chat` starts", "chat"),
        ("`chat-completions` starts", "chat-completions"),
        ("`completions` starts", "completions"),
        ("`embeddings` starts", "embeddings"),
        ("`openai-responses` starts", "openai-responses"),
        ("`anthropic-messages` starts", "anthropic-messages"),
        ("`register` starts", "register"),
        ("`vouchers` starts", "vouchers"),
        ("`receipt` starts", "receipt"),
    ] {
        world.stack.recorder().clear();
        world.stack.function(function).await;
        costs.push(Cost::of(name, &world.stack.recorder().requests()));
    }
    costs
}

#[tokio::test]
async fn costs_md_says_what_each_request_costs() {
    let world = World::start().await;
    if !world.stack.table().is_embedded() {
        eprintln!("Not counted: DynamoDB Local says 4 units for any transaction, however many items it has.");
        return;
    }
    let mut counted = costs(&world).await;
    let refresh = counted.iter().position(|cost| cost.request == "`POST /token/refresh/`").unwrap();
    counted.insert(refresh + 1, cost_of_rotation().await);
    let chat = counted.iter().position(|cost| cost.request == "`POST /chatView/`").unwrap();
    counted.insert(chat + 1, cost_with_context().await);
    let login = counted.iter().position(|cost| cost.request == "`POST /login/`").unwrap();
    counted.splice(login + 1..=login, costs_of_guesses(&world).await);
    counted.extend(costs_of_an_account(&world).await);
    counted.extend(costs_of_many_sessions(&world).await);
    counted.extend(costs_of_limits(&world).await);
    counted.push(cost_of_a_step(&world).await);
    counted.extend(costs_of_conversations(&world).await);
    counted.extend(costs_of_people(&world).await);
    counted.extend(costs_of_the_deployment(&world).await);
    counted.push(cost_of_a_condition(&world).await);
    counted.extend(costs_of_vouchers(&world).await);
    counted.extend(costs_of_grants(&world).await);
    compare_with_docs("## Requests to DynamoDB\n", &counted);
    compare_with_docs("### The cost of a refusal\n", &costs_of_refusals().await);
    compare_with_docs("### The cost of a start\n", &costs_of_starts().await);
}

/// Compares `counted` with the table that follows `heading` in docs/costs.md.
fn compare_with_docs(heading: &str, counted: &[Cost]) {
    let counted: String = counted.iter().map(Cost::to_string).collect();
    let page = fs::read_to_string(workspace_root().join("docs/costs.md")).unwrap();
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("docs/costs.md has no {heading}"));
    let (_, table) = section.split_once(TABLE_HEAD).unwrap_or_else(|| panic!("{heading} has no table"));
    let (table, _) = table.split_once("\n\n").unwrap();
    assert_eq!(format!("{table}\n"), counted, "the table in docs/costs.md should be:\n{TABLE_HEAD}{counted}");
}

#[tokio::test]
async fn a_second_message_costs_no_less_and_no_more_than_the_first() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    let first = cost(&world, "a message", "chat", chat().bearer(&access)).await;
    let second = cost(&world, "a message", "chat", chat().bearer(&access)).await;
    assert_eq!(first.to_string(), second.to_string());
}
