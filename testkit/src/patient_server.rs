//! A server of HTTP that keeps its connections for as long as a test wants.
//!
//! It runs on threads of its own, so that it closes a connection also while the test's runtime stands still, as the process
//! of a function does that Lambda has frozen.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A thread that waits for a client which never closes its connection ends with this.
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);

/// The way in which a server treats its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It keeps every connection.
    Endless,
    /// It closes a connection that rests for so long.
    For(Duration),
    /// It keeps every connection, and takes so long for each answer.
    EndlessAndSlow(Duration),
    /// It keeps every connection, but forgets the first one: the second request there is not read, and the connection reset,
    /// as by a network that has lost it.
    ForgetsFirst,
    /// It keeps every connection, but reads the second request of the first one and closes the connection.
    HangsUpOnFirst,
    /// It keeps every connection, but says nothing more on the first one after its first answer.
    FallsSilentOnFirst,
}

/// A running server. Its threads end with their connections.
pub struct PatientServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<(usize, String)>>>,
}

impl PatientServer {
    /// Starts a server that answers each `POST` with these bytes, and any other request with 404.
    ///
    /// # Panics
    /// No port can be opened.
    #[must_use]
    pub fn start(patience: Patience, answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let (received, answer) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(answer.into()));
        let log = Arc::clone(&received);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let connection =
                    ServedConnection { number, patience, log: Arc::clone(&log), answer: Arc::clone(&answer) };
                // A client that closes its connection ends the thread with an error.
                thread::spawn(move || connection.serve(stream));
            }
        });
        Self { address, received }
    }

    /// The address, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The method of each request so far that was read, with the number of its connection, from 0.
    #[must_use]
    pub fn received(&self) -> Vec<(usize, String)> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct ServedConnection {
    number: usize,
    patience: Patience,
    log: Arc<Mutex<Vec<(usize, String)>>>,
    answer: Arc<Vec<u8>>,
}

impl ServedConnection {
    fn serve(self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut client = BufReader::new(stream);
        for answered in 0.. {
            let is_forgotten = self.number == 0 && answered == 1;
            let rest = match self.patience {
                Patience::For(rest) => rest,
                _ => LONGEST_PATIENCE,
            };
            client.get_ref().set_read_timeout(Some(rest))?;
            if is_forgotten && self.patience == Patience::ForgetsFirst {
                // A connection that is closed before everything was read is reset.
                client.get_ref().peek(&mut [0])?;
                return Ok(());
            }
            let method = read_request(&mut client)?;
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push((self.number, method.clone()));
            match self.patience {
                Patience::HangsUpOnFirst if is_forgotten => return Ok(()),
                Patience::FallsSilentOnFirst if is_forgotten => thread::sleep(LONGEST_PATIENCE),
                _ if method == "POST" => {
                    if let Patience::EndlessAndSlow(time) = self.patience {
                        thread::sleep(time);
                    }
                    client.get_mut().write_all(&self.answer)?;
                }
                _ => client.get_mut().write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?,
            }
        }
        Ok(())
    }
}

/// Reads a request to its end, and returns its method.
fn read_request(client: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length: ").and_then(|length| length.parse().ok()).unwrap_or(length);
        head.push(line);
    }
    client.read_exact(&mut vec![0; length])?;
    Ok(head[0].split(' ').next().unwrap_or_default().to_ascii_uppercase())
}
