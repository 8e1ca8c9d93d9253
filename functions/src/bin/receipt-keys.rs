//! `GET /.well-known/receipt-keys.json`: the public keys with which anybody can verify receipts.

fn main() -> Result<(), endpoints::Error> {
    endpoints::receipt_keys::run()
}
