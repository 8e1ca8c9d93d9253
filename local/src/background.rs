//! The tokio runtime of local servers.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// The one runtime of the process. A `#[tokio::test]` ends every task of its own runtime when it ends, while tests
/// share servers.
///
/// # Panics
/// The operating system gives no threads.
#[must_use]
pub fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .thread_name("local-servers")
                .enable_all()
                .build()
                .unwrap_or_else(|error| panic!("No threads for the local servers: {error}"))
        })
        .handle()
}

/// Listens on the loopback address; port 0 takes any free port. Returns the port too.
///
/// # Errors
/// The port cannot be opened.
pub fn listen(port: u16) -> io::Result<(tokio::net::TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let _inside_runtime = handle().enter();
    Ok((tokio::net::TcpListener::from_std(listener)?, port))
}
