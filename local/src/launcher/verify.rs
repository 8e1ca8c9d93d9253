//! `verify`: says of each receipt what it charged, and whether it is genuine.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::arguments::VerifyArguments;
use super::error::LaunchError;
use super::loopback_page::{LoopbackPage, read_pages};
use crate::receipts::ReceiptVerifier;

/// The most bytes of receipts, and of keys, that are read: some thousands of each.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Verifies the receipts that the command line names. It fails if one of them is not genuine, or if there is none.
pub(super) async fn run(arguments: &VerifyArguments) -> Result<ExitCode, LaunchError> {
    let verifier = verifier(&arguments.keys).await?;
    let text = match &arguments.receipts {
        Some(path) => text_of(path)?,
        None => limited(io::stdin().lock(), "standard input")?,
    };
    let mut all_are_genuine = true;
    let mut count = 0_usize;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        count += 1;
        match verifier.verify(&receipt_in(line)) {
            Ok(receipt) => println!("genuine: {receipt}"),
            Err(reason) => {
                all_are_genuine = false;
                println!("NOT genuine: receipt {count}: {reason}");
            }
        }
    }
    if count == 0 {
        return Err(LaunchError::NoReceipts);
    }
    Ok(if all_are_genuine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The receipt of a line, which is one, or an answer of the API that has one.
fn receipt_in(line: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(line).ok();
    let receipt = answer.as_ref().and_then(|answer| answer["receipt"].as_str());
    receipt.unwrap_or(line).to_owned()
}

/// The keys of a file, or of a running stack of this machine.
async fn verifier(place: &str) -> Result<ReceiptVerifier, LaunchError> {
    let text = if place.contains("://") {
        let Some(page) = LoopbackPage::parse(place) else {
            return Err(LaunchError::KeysElsewhere { address: place.to_owned() });
        };
        let unreadable = |source| LaunchError::File { path: place.to_owned(), action: "read", source };
        read_pages(page, MOST_BYTES).await.map_err(unreadable)?
    } else {
        text_of(Path::new(place))?
    };
    let bad = |error: serde_json::Error| LaunchError::NoKeySet { path: place.to_owned(), reason: error.to_string() };
    let verifier = ReceiptVerifier::of(&text).map_err(bad)?;
    if verifier.count() == 0 {
        return Err(LaunchError::NoKeySet { path: place.to_owned(), reason: "it has none".to_owned() });
    }
    Ok(verifier)
}

fn text_of(path: &Path) -> Result<String, LaunchError> {
    let shown = path.display().to_string();
    let file = File::open(path);
    match file {
        Ok(file) => limited(file, &shown),
        Err(source) => Err(LaunchError::File { path: shown, action: "read", source }),
    }
}

fn limited(source: impl Read, shown: &str) -> Result<String, LaunchError> {
    let mut text = String::new();
    let read = source.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|source| LaunchError::File { path: shown.to_owned(), action: "read", source })?;
    if text.len() as u64 > MOST_BYTES {
        let source = io::Error::other(format!("it has more than {} MiB", MOST_BYTES / 1024 / 1024));
        return Err(LaunchError::File { path: shown.to_owned(), action: "read", source });
    }
    Ok(text)
}
