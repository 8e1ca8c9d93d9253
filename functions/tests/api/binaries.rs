//! The binaries of the functions.

use std::path::PathBuf;

/// The binary of a function, as cargo built it for this test.
pub fn binary(name: &str) -> PathBuf {
    PathBuf::from(match name {
        "account" => env!("CARGO_BIN_EXE_account"),
        "audit" => env!("CARGO_BIN_EXE_audit"),
        "chat" => env!("CARGO_BIN_EXE_chat"),
        "chat-completions" => env!("CARGO_BIN_EXE_chat-completions"),
        "jwks" => env!("CARGO_BIN_EXE_jwks"),
        "keys" => env!("CARGO_BIN_EXE_keys"),
        "login" => env!("CARGO_BIN_EXE_login"),
        "logout" => env!("CARGO_BIN_EXE_logout"),
        "messages" => env!("CARGO_BIN_EXE_messages"),
        "models" => env!("CARGO_BIN_EXE_models"),
        "operator" => env!("CARGO_BIN_EXE_operator"),
        "password" => env!("CARGO_BIN_EXE_password"),
        "register" => env!("CARGO_BIN_EXE_register"),
        "sessions" => env!("CARGO_BIN_EXE_sessions"),
        "token-balance" => env!("CARGO_BIN_EXE_token-balance"),
        "token-refresh" => env!("CARGO_BIN_EXE_token-refresh"),
        "token-verify" => env!("CARGO_BIN_EXE_token-verify"),
        "transactions" => env!("CARGO_BIN_EXE_transactions"),
        _ => panic!("template.yaml has a function {name} and functions/src/bin has none"),
    })
}
