//! The runtime that the servers of this crate live on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// One runtime for the whole process: each `#[tokio::test]` drops its own when it ends, and with it every task, while
/// a stack that several tests share has to go on.
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

/// Listens on the loopback address only; port 0 takes any free one. Returns the port that it is.
///
/// # Errors
/// The port cannot be had.
pub fn listen(port: u16) -> io::Result<(tokio::net::TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let _inside_runtime = handle().enter();
    Ok((tokio::net::TcpListener::from_std(listener)?, port))
}
