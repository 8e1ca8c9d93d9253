//! `POST /vouchers/redeem/`: a voucher's code becomes credits of the user.

fn main() -> Result<(), endpoints::Error> {
    endpoints::vouchers::run()
}
