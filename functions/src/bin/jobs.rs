//! `jobs`: goes on with bulk grants that nobody drives.

fn main() -> Result<(), endpoints::Error> {
    endpoints::jobs::run()
}
