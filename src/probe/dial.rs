//! The one place that opens a connection for a probe.
//!
//! An address is classified first, and dialled as it is: nothing is looked up here, so that a name which answers
//! differently the second time leads nowhere. Bounds how many connections are open, in all and to one machine.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::address::{Class, Refusal};
use super::map::ProbeMap;

/// The most that a connection may take to come about.
pub const CONNECT: Duration = Duration::from_secs(5);
/// Connections that are open at once.
const AT_ONCE: usize = 8;
/// Of them to one machine.
const AT_ONE_MACHINE: usize = 2;

/// What may be dialled, and how much at once.
#[derive(Clone, Debug)]
pub struct Dial {
    allow_private: bool,
    map: Option<Arc<ProbeMap>>,
    open: Arc<Semaphore>,
    machines: Arc<Mutex<BTreeMap<IpAddr, Arc<Semaphore>>>>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialFault {
    /// It was not tried.
    Refused(Refusal),
    /// Nobody listens.
    NobodyListens,
    /// No answer within [`CONNECT`].
    TimedOut,
    /// There is no way to the address.
    NoRoute,
    Reset,
    Other(String),
}

impl Dial {
    /// `allow_private` is what `--allow-private` says.
    pub fn new(allow_private: bool, map: Option<Arc<ProbeMap>>) -> Self {
        Self { allow_private, map, open: Arc::new(Semaphore::new(AT_ONCE)), machines: Arc::default() }
    }

    /// Where a connection to `ip` would go, if it may be made. `host` is the name that the address was looked up for.
    pub fn admit(&self, host: Option<&str>, ip: IpAddr, port: u16) -> Result<SocketAddr, Refusal> {
        match Class::of(ip) {
            Class::Public => {}
            Class::Private(_) if self.allow_private => {}
            Class::Private(words) => return Err(Refusal::Private(words)),
            Class::Never(words) => return Err(Refusal::Never(words)),
        }
        match &self.map {
            None => Ok(SocketAddr::new(ip, port)),
            Some(map) => map.find(host, ip, port).ok_or(Refusal::NotInMap),
        }
    }

    /// A TCP connection.
    pub async fn tcp(&self, host: Option<&str>, ip: IpAddr, port: u16) -> Result<Stream, DialFault> {
        let to = self.admit(host, ip, port).map_err(DialFault::Refused)?;
        let place = self.place(ip).await;
        match timeout(CONNECT, TcpStream::connect(to)).await {
            Ok(Ok(tcp)) => Ok(Stream { tcp, _place: place }),
            Ok(Err(error)) => Err(DialFault::of(&error)),
            Err(_) => Err(DialFault::TimedOut),
        }
    }

    /// A UDP socket that speaks with this one address alone.
    pub async fn udp(&self, host: Option<&str>, ip: IpAddr, port: u16) -> Result<Datagrams, DialFault> {
        let to = self.admit(host, ip, port).map_err(DialFault::Refused)?;
        let place = self.place(ip).await;
        let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let failed = |error: &io::Error| DialFault::of(error);
        let udp = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| failed(&error))?;
        udp.connect(to).await.map_err(|error| failed(&error))?;
        Ok(Datagrams { udp, _place: place })
    }

    /// Waits until another connection may be open. A machine's own places come first, so that one slow machine does not
    /// keep those of the others.
    async fn place(&self, ip: IpAddr) -> Place {
        const NEVER_CLOSED: &str = "the semaphore is never closed";
        let machine = {
            let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(machines.entry(ip).or_insert_with(|| Arc::new(Semaphore::new(AT_ONE_MACHINE))))
        };
        let machine = machine.acquire_owned().await.expect(NEVER_CLOSED);
        let open = Arc::clone(&self.open).acquire_owned().await.expect(NEVER_CLOSED);
        Place { _machine: machine, _open: open }
    }
}

impl DialFault {
    /// What an error of the operating system means.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is worded by the system")]
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Self::NobodyListens,
            Kind::TimedOut => Self::TimedOut,
            Kind::ConnectionReset | Kind::ConnectionAborted => Self::Reset,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => Self::NoRoute,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// What is held while a connection is open.
#[derive(Debug)]
struct Place {
    _machine: OwnedSemaphorePermit,
    _open: OwnedSemaphorePermit,
}

/// A TCP connection of a probe.
#[derive(Debug)]
pub struct Stream {
    tcp: TcpStream,
    _place: Place,
}

/// A UDP socket of a probe.
#[derive(Debug)]
pub struct Datagrams {
    udp: UdpSocket,
    _place: Place,
}

impl Datagrams {
    /// Sends one message.
    pub async fn send(&self, message: &[u8]) -> io::Result<usize> {
        self.udp.send(message).await
    }

    /// Takes one message; what does not fit is lost.
    pub async fn receive(&self, message: &mut [u8]) -> io::Result<usize> {
        self.udp.recv(message).await
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
