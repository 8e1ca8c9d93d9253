//! `GET /openapi.json`: the OpenAPI document of this version. On a laptop the function also gets the paths that no
//! function has, and says so.

fn main() -> Result<(), endpoints::Error> {
    endpoints::openapi::run()
}
