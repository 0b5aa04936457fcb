//! The socket that the server listens on.

use std::io;
use std::net::SocketAddr;

use axum::serve::{ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted, if the kernel allows as many (`net.core.somaxconn`). One too many is dropped
/// without a word, and its client tries again after a second: the 128 of the standard library are soon full when many
/// come at once.
const BACKLOG: u32 = 4096;

pub type Listener = TapIo<TcpListener, fn(&mut TcpStream)>;

/// Listens on an address; inside a runtime.
pub fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // else the port of a server that just ended could not be taken for a while
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?.tap_io(send_at_once))
}

/// An event goes out when it is written, not when the packet is full.
fn send_at_once(stream: &mut TcpStream) {
    stream.set_nodelay(true).ok();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::serve::Listener as _;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn many_connections_at_once_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = JoinSet::new();
        for _ in 0..300 {
            clients.spawn(timeout(Duration::from_millis(900), TcpStream::connect(address)));
        }
        let connected = clients.join_all().await;
        assert!(connected.iter().all(|client| matches!(client, Ok(Ok(_)))));
    }
}
