//! The handlers of the admin API, and the door before them.

use std::future::Future;

use domain::setting::SettingError;
use identity::IdentityError;
use identity::staff::{Staff, StaffDesk};
use lambda_http::http::Method;

use crate::admin::error::AdminError;
use crate::admin::path::AdminPath;
use crate::endpoint::{Endpoint, Error, Resources};
use crate::error::ApiError;
use crate::http::{Answer, Request, allows, listed};

/// Some paths of the admin API, behind the door that only staff pass.
pub trait AdminEndpoint: Sized + Send + Sync + 'static {
    /// The methods at `path`, if it is one of this endpoint's.
    #[must_use]
    fn methods(path: &AdminPath) -> Option<&'static [Method]>;

    /// Makes the state, once per process.
    ///
    /// # Errors
    /// [`SettingError`] if a setting cannot be used: the process ends with it.
    fn start(resources: &Resources) -> impl Future<Output = Result<Self, SettingError>>;

    /// Answers a request of `staff` with one of the methods of `path`. An act takes the authority that `staff` give it.
    fn answer(
        &self,
        staff: Staff,
        path: AdminPath,
        request: Request,
    ) -> impl Future<Output = Result<Answer, ApiError>> + Send;
}

/// Serves the endpoint `E` until Lambda ends the process.
///
/// # Errors
/// [`Error`] if a setting cannot be used, or the Lambda Runtime API cannot be reached.
pub async fn serve<E: AdminEndpoint>() -> Result<(), Error> {
    crate::endpoint::serve::<Behind<E>>().await
}

/// An endpoint behind the door that only staff pass.
pub struct Behind<E> {
    staff_desk: StaffDesk,
    endpoint: E,
}

impl<E: AdminEndpoint> Endpoint for Behind<E> {
    type Answer = Answer;
    type Error = AdminError;

    /// They are those of the path.
    const METHODS: &'static [Method] = &[];
    const HIDES_METHODS: bool = true;

    fn methods(request: &Request) -> &'static [Method] {
        AdminPath::of(request).and_then(|path| E::methods(&path)).unwrap_or_default()
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let (staff_desk, endpoint) = tokio::join!(resources.staff_desk(), E::start(resources));
        Ok(Self { staff_desk, endpoint: endpoint? })
    }

    async fn answer(&self, request: Request) -> Result<Answer, AdminError> {
        let staff = self.staff(&request).await?;
        let path = AdminPath::of(&request).ok_or(ApiError::NotFound)?;
        let methods = E::methods(&path).ok_or(ApiError::NotFound)?;
        if !allows(methods, request.method()) {
            let (method, allow) = (request.method().to_string(), listed(methods));
            return Err(ApiError::MethodNotAllowed { method, allow }.into());
        }
        Ok(self.endpoint.answer(staff, path, request).await?)
    }
}

impl<E> Behind<E> {
    /// The superuser who sends `request`. Nobody else learns that there is such a path.
    async fn staff(&self, request: &Request) -> Result<Staff, ApiError> {
        let bearer = request.bearer().map_err(|_| ApiError::NoSuchPath)?;
        self.staff_desk.staff(bearer).await.map_err(|error| match error {
            IdentityError::NotStaff => ApiError::NoSuchPath,
            error => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::ids::SessionId;
    use identity::jwt::Subject;
    use lambda_http::http::StatusCode;
    use lambda_http::{Body, RequestExt};
    use ledger::account::{Account, Payer};
    use serde_json::{Value, json};

    use crate::endpoint::EndpointError;
    use crate::settings::{Settings, SigningSettings};
    use crate::testing::{TestTable, open_account};

    /// An endpoint with one path, at which nothing happens.
    struct Health;

    const OF_HEALTH: &[Method] = &[Method::GET];

    impl AdminEndpoint for Health {
        fn methods(path: &AdminPath) -> Option<&'static [Method]> {
            (*path == AdminPath::Health).then_some(OF_HEALTH)
        }

        async fn start(_resources: &Resources) -> Result<Self, SettingError> {
            Ok(Self)
        }

        async fn answer(&self, staff: Staff, _path: AdminPath, _request: Request) -> Result<Answer, ApiError> {
            Answer::private(StatusCode::OK, &json!({"asked_by": staff.user_id()}))
        }
    }

    struct DoorScene {
        test: TestTable,
        door: Behind<Health>,
        ada: Payer,
        token: String,
    }

    impl DoorScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let ada = open_account(&test, "ada", 0).await;
            test.set(Account::key(ada.user_id()), "staff", AttributeValue::Bool(true)).await;
            let token = token(&test, ada).await;
            let staff_desk = StaffDesk::start(test.table.clone(), test.clock.clone()).await;
            Self { door: Behind { staff_desk, endpoint: Health }, test, ada, token }
        }

        async fn ask(&self, method: Method, path: &str, bearer: &str) -> Result<Answer, AdminError> {
            let mut received = lambda_http::Request::new(Body::Empty).with_raw_http_path(path);
            *received.method_mut() = method;
            if !bearer.is_empty() {
                received.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
            }
            self.door.answer(Request::from(received)).await
        }
    }

    async fn token(test: &TestTable, user: Payer) -> String {
        let secret = |name: &str| (name == "JWT_SIGNING_SECRET").then(|| "x".repeat(32));
        let secret = SigningSettings::read(secret).unwrap().secret;
        let lifetimes = Settings::read(|_| None).unwrap().token_lifetimes();
        let signer =
            identity::jwt::Signer::start(lifetimes, secret, test.table.clone(), test.clock.clone()).await.unwrap();
        let session_id = SessionId::new(&test.clock);
        let subject = Subject { user_id: user.user_id(), session_id, session_epoch: user.epoch().number() };
        signer.access_token(subject).await.unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn staff_pass_and_everybody_else_is_told_as_at_a_path_that_is_not_there_whatever_they_ask() {
        let scene = DoorScene::start().await;
        assert!(scene.ask(Method::GET, "/admin/health/", &scene.token).await.is_ok());
        let elsewhere = GatewayBody::of(&AdminError::from(ApiError::NoSuchPath));
        assert_eq!(elsewhere.0["error"]["code"], "not_found");
        let bob = open_account(&scene.test, "bob", 0).await;
        let of_bob = token(&scene.test, bob).await;
        for bearer in ["", "sk-0123", "a.b.c", &of_bob] {
            for (method, path) in [
                (Method::GET, "/admin/health/"),
                (Method::POST, "/admin/health/"),
                (Method::GET, "/admin/users/"),
                (Method::GET, "/admin/nothing/"),
            ] {
                let error = scene.ask(method.clone(), path, bearer).await.err().unwrap();
                assert_eq!(
                    (error.status().as_u16(), GatewayBody::of(&error)),
                    (404, elsewhere.clone()),
                    "{method} {path}"
                );
            }
        }
        test_demotion(&scene).await;
    }

    async fn test_demotion(scene: &DoorScene) {
        scene.test.set(Account::key(scene.ada.user_id()), "staff", AttributeValue::Bool(false)).await;
        let error = scene.ask(Method::GET, "/admin/health/", &scene.token).await.err().unwrap();
        assert_eq!((error.status().as_u16(), error.code()), (404, "not_found"));
    }

    #[derive(Clone, Debug, PartialEq)]
    struct GatewayBody(Value);

    impl GatewayBody {
        fn of(error: &AdminError) -> Self {
            Self(serde_json::from_slice(error.response().body().as_ref()).unwrap())
        }
    }

    #[tokio::test]
    async fn staff_alone_learn_which_paths_and_methods_there_are() {
        let scene = DoorScene::start().await;
        for (method, path, status) in [
            (Method::POST, "/admin/health/", 405),
            (Method::GET, "/admin/users/", 404),
            (Method::GET, "/admin/nothing/", 404),
        ] {
            let error = scene.ask(method, path, &scene.token).await.err().unwrap();
            assert_eq!(error.status().as_u16(), status, "{path}");
            assert!(GatewayBody::of(&error).0["error"].is_null(), "{path}");
        }
    }

    #[tokio::test]
    async fn an_expired_token_of_staff_is_to_be_refreshed() {
        let scene = DoorScene::start().await;
        scene.test.clock.advance(std::time::Duration::from_secs(3600));
        let error = scene.ask(Method::GET, "/admin/health/", &scene.token).await.err().unwrap();
        assert_eq!((error.status().as_u16(), error.code()), (401, "token_not_valid"));
    }
}
