//! Reads a list of pages from a server of this machine. Without an HTTP client, for the reason that
//! [`super::readiness`] gives: none is needed for loopback, which has no TLS.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for one page.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// An address on loopback, such as `http://127.0.0.1:9000/.well-known/receipt-keys.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoopbackPage {
    port: u16,
    path: String,
}

impl LoopbackPage {
    /// `None` for an address of another machine, or of another form.
    pub(super) fn parse(address: &str) -> Option<Self> {
        let rest = address.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        let is_of_loopback = ["127.0.0.1", "localhost"].contains(&host);
        (is_of_loopback && is_plain).then_some(Self { port: port.parse().ok()?, path: format!("/{path}") })
    }

    fn with_cursor(&self, cursor: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        Self { path: format!("{}{separator}cursor={cursor}", self.path), ..self.clone() }
    }

    /// The body of the page. In HTTP 1.0 the connection's end is the answer's.
    async fn read(&self, most_bytes: u64) -> io::Result<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let head = format!("GET {} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAccept: */*\r\n\r\n", self.path, self.port);
        connection.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        connection.take(most_bytes).read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("its answer is no HTTP"))?;
        match head.split(' ').nth(1) {
            Some("200") => Ok(body.to_owned()),
            status => Err(io::Error::other(format!("its status is {}", status.unwrap_or("none")))),
        }
    }
}

/// The bodies of `first` and of all pages that follow it, one after the other, each of which names the `next` one. Together
/// they have at most `most_bytes`.
pub(super) async fn read_pages(first: LoopbackPage, most_bytes: u64) -> io::Result<String> {
    let (mut all, mut page) = (String::new(), first.clone());
    loop {
        let left = most_bytes.saturating_sub(all.len() as u64);
        let body = timeout(PAGE_LIMIT, page.read(left)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        let document: Value = serde_json::from_str(&body).map_err(|_| io::Error::other("its answer is no JSON"))?;
        all += &body;
        let next = document["next"].as_str().filter(|next| next.bytes().all(|byte| byte.is_ascii_graphic()));
        match next {
            Some(next) => page = first.with_cursor(next),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, Mutex};

    use tokio::net::TcpListener;

    use crate::launcher::lock::lock;

    #[test]
    fn an_address_is_one_of_this_machine() {
        let page = |port, path: &str| Some(LoopbackPage { port, path: path.to_owned() });
        for (address, expected) in [
            ("http://127.0.0.1:9000/a/b?c=d", page(9000, "/a/b?c=d")),
            ("http://localhost/a", page(80, "/a")),
            ("http://127.0.0.1:9000", page(9000, "/")),
            ("https://127.0.0.1:9000/a", None),
            ("http://example.com/a", None),
            ("http://127.0.0.1.example.com/a", None),
            ("http://127.0.0.1:90000/a", None),
            ("http://127.0.0.1:9000/a b\r\nX: y", None),
            ("keys.json", None),
        ] {
            assert_eq!(LoopbackPage::parse(address), expected, "{address}");
        }
    }

    /// A server that gives each connection the next of `answers`, and notes the first lines of what it is asked.
    async fn serve(listener: TcpListener, answers: Vec<String>, asked: Arc<Mutex<Vec<String>>>) {
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let length = connection.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            lock(&asked).push(request.lines().next().unwrap().to_owned());
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// The pages read from a server with these `answers`, and the request lines that the server got.
    async fn read_from(answers: &[&str]) -> (io::Result<String>, Vec<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn(serve(listener, answers, Arc::clone(&asked)));
        let read = read_pages(LoopbackPage { port, path: "/keys".to_owned() }, 1024).await;
        server.abort();
        let asked = lock(&asked).clone();
        (read, asked)
    }

    #[tokio::test]
    async fn all_pages_are_read_one_after_the_other() {
        let pages = [r#"{"keys": [1], "next": "abc"}"#, r#"{"keys": [2], "next": null}"#];
        let answers = pages.map(|body| format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"));
        let (read, asked) = read_from(&answers.each_ref().map(String::as_str)).await;
        assert_eq!(read.unwrap(), pages.concat());
        assert_eq!(asked, ["GET /keys HTTP/1.0", "GET /keys?cursor=abc HTTP/1.0"]);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_list_is_an_error_and_so_is_a_list_without_an_end() {
        let endless = ["HTTP/1.1 200 OK\r\n\r\n{\"next\": \"again\"}"; 100];
        for answers in [&["HTTP/1.1 404 Not Found\r\n\r\n{}"][..], &["HTTP/1.1 200 OK\r\n\r\nx"], &["x"], &endless] {
            assert!(read_from(answers).await.0.is_err(), "{answers:?}");
        }
    }
}
