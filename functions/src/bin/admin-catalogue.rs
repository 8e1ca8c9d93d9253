//! `/admin/catalogue/`, `…/check/` and `…/versions/`: the catalogue of models, as staff see, judge and replace it.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_catalogue::run()
}
