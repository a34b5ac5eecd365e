//! As much of an HTTP/2 client (RFC 9113) as a gRPC load needs: it writes prepared messages as
//! calls of one method and says when each has been answered.
//!
//! A full client costs as much as the server it measures and would take half of a small machine.
//! This one writes a call as 40 bytes around the message, many calls at a time, and reads of an
//! answer only where it begins and ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// How much a connection may send before the server says more (RFC 9113, section 6.9.2).
const FIRST_WINDOW: i64 = 65_535;

/// Calls under way on one connection: half of what the limiter takes from a gateway. It resets
/// those beyond, and a server that stands still for a third of a second would have that many at
/// half load.
const MOST_UNDER_WAY: usize = 2_048;

/// No answer for so long, and the load ends: longer than any server here may take for one.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The headers of the first call: what is not in HPACK's static table (RFC 7541, appendix A) is
/// added to the dynamic one.
fn first_headers(path: &str, authority: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86]; // :method POST, :scheme http
    let mut literal = |name: &[u8], value: &str| {
        block.extend_from_slice(name);
        block.push(
            u8::try_from(value.len())
                .ok()
                .filter(|len| *len < 127)
                .expect("a short value"),
        );
        block.extend_from_slice(value.as_bytes());
    };
    literal(&[0x44], path);
    literal(&[0x41], authority);
    literal(&[0x5f], "application/grpc");
    literal(b"\x40\x02te", "trailers");
    block
}

/// The same headers once they stand in the dynamic table, the newest first.
const NEXT_HEADERS: [u8; 6] = [0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

/// What a connection has room for.
struct Room {
    /// Bytes the server still takes.
    window: AtomicI64,
    calls_under_way: AtomicUsize,
}

/// Writes calls.
pub(crate) struct Sender {
    socket: Arc<Mutex<TcpStream>>,
    room: Arc<Room>,
    headers: Vec<u8>,
    next_stream: u32,
    buffer: Vec<u8>,
}

/// Reads answers.
pub(crate) struct Receiver {
    socket: TcpStream,
    /// For what the protocol wants acknowledged. Locked for one whole frame, or calls, at a time.
    replies: Arc<Mutex<TcpStream>>,
    room: Arc<Room>,
    buffer: Vec<u8>,
    /// Messages of calls that have not ended.
    open: Vec<(u32, Vec<u8>)>,
}

/// Opens a connection for calls of `path`.
pub(crate) fn connect(address: &str, path: &str) -> (Sender, Receiver) {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("TCP_NODELAY can be set");
    stream
        .set_read_timeout(Some(LONGEST_SILENCE))
        .expect("SO_RCVTIMEO can be set");
    let mut hello = PREFACE.to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE and the connection's window: as large as they can be, so that
    // answers never wait.
    frame(&mut hello, SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    frame(
        &mut hello,
        WINDOW_UPDATE,
        0,
        0,
        &(i32::MAX - 65_535).to_be_bytes(),
    );
    stream.write_all(&hello).expect("the server reads");
    let room = Arc::new(Room {
        window: AtomicI64::new(FIRST_WINDOW),
        calls_under_way: AtomicUsize::new(0),
    });
    let replies = Arc::new(Mutex::new(
        stream.try_clone().expect("a socket can be shared"),
    ));
    let sender = Sender {
        socket: Arc::clone(&replies),
        room: Arc::clone(&room),
        headers: first_headers(path, address),
        next_stream: 1,
        buffer: Vec::with_capacity(64 * 1024),
    };
    (
        sender,
        Receiver {
            socket: stream,
            replies,
            room,
            buffer: Vec::with_capacity(64 * 1024),
            open: Vec::new(),
        },
    )
}

impl Sender {
    /// Whether a call with this message may leave. If not, answers have to come first.
    pub(crate) fn has_room(&self, message: &[u8]) -> bool {
        self.room.window.load(Ordering::Relaxed) >= 5 + message.len() as i64
            && self.room.calls_under_way.load(Ordering::Relaxed) < MOST_UNDER_WAY
    }

    /// Adds a call to what leaves next; its number on this connection, from 0.
    pub(crate) fn call(&mut self, message: &[u8]) -> usize {
        let stream = self.next_stream;
        self.next_stream += 2;
        frame(
            &mut self.buffer,
            HEADERS,
            END_HEADERS,
            stream,
            &self.headers,
        );
        self.headers.clear();
        self.headers.extend_from_slice(&NEXT_HEADERS);
        let mut data = Vec::with_capacity(5 + message.len());
        data.push(0); // not compressed
        data.extend_from_slice(&(message.len() as u32).to_be_bytes());
        data.extend_from_slice(message);
        frame(&mut self.buffer, DATA, END_STREAM, stream, &data);
        self.room.calls_under_way.fetch_add(1, Ordering::Relaxed);
        let left = self
            .room
            .window
            .fetch_sub(data.len() as i64, Ordering::Relaxed)
            - data.len() as i64;
        assert!(
            left >= 0,
            "the server takes calls more slowly than they are made"
        );
        number_of(stream)
    }

    /// Sends what was added.
    pub(crate) fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.socket
                .lock()
                .expect("nobody panics with the lock")
                .write_all(&self.buffer)
                .expect("the server reads");
            self.buffer.clear();
        }
    }
}

impl Receiver {
    /// Waits for something to arrive and hands over each answer that is complete: the call's number
    /// and the message.
    pub(crate) fn wait(&mut self, mut answered: impl FnMut(usize, &[u8])) {
        let filled = self.buffer.len();
        self.buffer.resize(filled + 32 * 1024, 0);
        let read = self
            .socket
            .read(&mut self.buffer[filled..])
            .expect("the server answers in time");
        assert!(read > 0, "the server closed the connection");
        self.buffer.truncate(filled + read);
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while let Some((header, payload, after)) = next_frame(rest) {
            self.take(header, payload, &mut answered);
            rest = after;
        }
        let done = buffer.len() - rest.len();
        self.buffer = buffer;
        self.buffer.drain(..done);
    }

    fn take(&mut self, header: Header, payload: &[u8], answered: &mut impl FnMut(usize, &[u8])) {
        match header.kind {
            // The message follows five bytes about it.
            DATA if payload.len() >= 5 => self.open.push((header.stream, payload[5..].to_vec())),
            HEADERS if header.flags & END_STREAM != 0 => {
                let place = self
                    .open
                    .iter()
                    .position(|(stream, _)| *stream == header.stream);
                let (stream, message) = self
                    .open
                    .swap_remove(place.expect("the server answers with a message"));
                self.room.calls_under_way.fetch_sub(1, Ordering::Relaxed);
                answered(number_of(stream), &message);
            }
            SETTINGS if header.flags & ACK == 0 => self.reply(SETTINGS, &[]),
            PING if header.flags & ACK == 0 => self.reply(PING, payload),
            WINDOW_UPDATE if header.stream == 0 => {
                let more = u32::from_be_bytes(payload.try_into().expect("four bytes"));
                self.room.window.fetch_add(more.into(), Ordering::Relaxed);
            }
            RST_STREAM | GOAWAY => panic!("the server ended a call or the connection"),
            _ => {}
        }
    }

    fn reply(&self, kind: u8, payload: &[u8]) {
        let mut reply = Vec::new();
        frame(&mut reply, kind, ACK, 0, payload);
        self.replies
            .lock()
            .expect("nobody panics with the lock")
            .write_all(&reply)
            .expect("the server reads");
    }
}

#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    flags: u8,
    stream: u32,
}

/// The first frame and what stands behind it, if it is complete.
fn next_frame(bytes: &[u8]) -> Option<(Header, &[u8], &[u8])> {
    let header = bytes.get(..FRAME_HEADER)?;
    let length =
        usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
    let payload = bytes.get(FRAME_HEADER..FRAME_HEADER + length)?;
    let stream = u32::from_be_bytes([header[5] & 0x7f, header[6], header[7], header[8]]);
    Some((
        Header {
            kind: header[3],
            flags: header[4],
            stream,
        },
        payload,
        &bytes[FRAME_HEADER + length..],
    ))
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Calls have the odd stream numbers, in order.
fn number_of(stream: u32) -> usize {
    stream as usize / 2
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// The limiter resets what is beyond its streams, and the load would end there.
    #[test]
    fn calls_wait_for_a_server_that_stands_still() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut sender, mut receiver) = connect(&server.local_addr().unwrap().to_string(), "/a/b");
        let (mut accepted, _) = server.accept().unwrap();
        for _ in 0..MOST_UNDER_WAY {
            assert!(sender.has_room(b""));
            sender.call(b"");
        }
        assert!(!sender.has_room(b""));

        let mut answer = Vec::new();
        frame(&mut answer, DATA, 0, 1, &[0, 0, 0, 0, 0]);
        frame(&mut answer, HEADERS, END_HEADERS | END_STREAM, 1, &[0x88]);
        accepted.write_all(&answer).unwrap();
        let mut answered = Vec::new();
        while answered.is_empty() {
            receiver.wait(|call, _| answered.push(call));
        }
        assert_eq!(answered, [0]);
        assert!(sender.has_room(b""));
    }
}
