//! Connections that a scripted fault can cut, so that a client sees a closed connection and no answer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long open requests may take to end when the server stops; then their connections are cut.
/// Real connections end in real time, whatever the tenant's clock says.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long a client may take to agree on encryption.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The switch of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_cut: AtomicBool,
    is_encrypted: bool,
    reader: Mutex<Option<Waker>>,
}

impl Connection {
    /// Cuts the connection: nothing more is read or written, the client sees a reset.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::SeqCst);
        if let Some(waker) = self.0.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.0.is_encrypted { "https" } else { "http" }
    }

    /// Whether nobody hears an answer any more.
    pub fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::SeqCst)
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// Accepts connections, in the clear or encrypted, and remembers their switches.
pub(crate) struct CuttableListener {
    listener: TcpListener,
    encryption: Option<TlsAcceptor>,
    handshakes: FuturesUnordered<Handshake>,
    open: Arc<Mutex<Vec<std::sync::Weak<Switch>>>>,
}

type Handshake = Pin<Box<dyn Future<Output = Option<(Wire, SocketAddr)>> + Send>>;

/// A connection in the clear or encrypted.
#[derive(Debug)]
enum Wire {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// A stream with a switch.
#[derive(Debug)]
pub(crate) struct CuttableStream {
    stream: Wire,
    connection: Connection,
}

impl CuttableListener {
    /// The next connection that is ready to be spoken on; encrypted ones make themselves known beside each other.
    async fn next(&mut self) -> (Wire, SocketAddr) {
        loop {
            tokio::select! {
                biased;
                Some(ready) = self.handshakes.next() => {
                    if let Some(ready) = ready {
                        return ready;
                    }
                }
                (stream, address) = Listener::accept(&mut self.listener) => {
                    // Without it small answers wait for the client's acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let Some(acceptor) = &self.encryption else { return (Wire::Clear(stream), address) };
                    let handshake = acceptor.accept(stream);
                    // A client that does not trust us, or says nothing, goes its way.
                    self.handshakes.push(Box::pin(async move {
                        let encrypted = tokio::time::timeout(HANDSHAKE_MAX, handshake).await.ok()?.ok()?;
                        Some((Wire::Encrypted(Box::new(encrypted)), address))
                    }));
                }
            }
        }
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = self.next().await;
        let is_encrypted = matches!(stream, Wire::Encrypted(_));
        let connection = Connection(Arc::new(Switch { is_encrypted, ..Switch::default() }));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() % 64 == 63 {
            open.retain(|switch| switch.strong_count() > 0);
        }
        open.push(Arc::downgrade(&connection.0));
        (CuttableStream { stream, connection }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(stream) => stream,
            Self::Encrypted(stream) => stream.get_ref().0,
        }
    }
}

/// Does the same on either kind of stream.
macro_rules! on_either {
    ($wire:expr, $method:ident($($argument:expr),*)) => {
        match $wire {
            Wire::Clear(stream) => Pin::new(stream).$method($($argument),*),
            Wire::Encrypted(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl CuttableStream {
    fn refuse_when_cut(&self) -> io::Result<()> {
        if self.connection.is_cut() {
            // Closing with unsent data thrown away makes the other side see a reset.
            let _ = self.stream.socket().set_zero_linger();
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        *self.connection.0.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        self.refuse_when_cut()?;
        on_either!(&mut self.stream, poll_read(cx, buf))
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.refuse_when_cut()?;
        on_either!(&mut self.stream, poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.refuse_when_cut()?;
        on_either!(&mut self.stream, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.refuse_when_cut()?;
        on_either!(&mut self.stream, poll_shutdown(cx))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.refuse_when_cut()?;
        on_either!(&mut self.stream, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Wire::Clear(stream) => stream.is_write_vectored(),
            Wire::Encrypted(stream) => stream.is_write_vectored(),
        }
    }
}

/// A server at work and the way to end it.
#[derive(Debug)]
pub(crate) struct Serving {
    pub address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
    open: Arc<Mutex<Vec<std::sync::Weak<Switch>>>>,
}

impl Serving {
    /// Binds and serves until `stop` says so.
    pub async fn start(
        listen: SocketAddr,
        encryption: Option<TlsAcceptor>,
        router: Router,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let open = Arc::new(Mutex::new(Vec::new()));
        let handshakes = FuturesUnordered::new();
        let listener = CuttableListener { listener, encryption, handshakes, open: open.clone() };
        let service = router.into_make_service_with_connect_info::<Connection>();
        let serve = axum::serve(listener, service).with_graceful_shutdown(stopped(stop));
        let task = tokio::spawn(async move { serve.await });
        Ok(Self { address, task, open })
    }

    /// Waits for the end after `stop` was said; connections that do not end in time are cut.
    pub async fn join(mut self) {
        if tokio::time::timeout(STOP_GRACE, &mut self.task).await.is_ok() {
            return;
        }
        for switch in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(switch) = switch.upgrade() {
                Connection(switch).cut();
            }
        }
        if tokio::time::timeout(STOP_GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Ends when stopping is asked for, or when nobody can ask any more.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
