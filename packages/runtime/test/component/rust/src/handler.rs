// SPDX-License-Identifier: Apache-2.0
//! Answers HTTP requests, well and badly, as its path says.
use std::sync::atomic::{AtomicU32, Ordering};

use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::outgoing_handler;
use wasi::http::types::*;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

struct Handler;
wasi::http::proxy::export!(Handler);

/// Requests that this instance has answered.
static COUNT: AtomicU32 = AtomicU32::new(0);

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, rest) = match target[1..].split_once('/') {
            Some((path, rest)) => (path, rest),
            None => (&target[1..], ""),
        };
        match path {
            "show" => show(request, out),
            "echo" => echo(request, out),
            "bytes" => bytes(rest.parse().unwrap(), out),
            "status" => {
                let headers = Fields::new();
                headers.set("x-status", &[rest.as_bytes().to_vec()]).unwrap();
                let response = OutgoingResponse::new(headers);
                response.set_status_code(rest.parse().unwrap()).unwrap();
                let body = response.body().unwrap();
                let stream = body.write().unwrap();
                ResponseOutparam::set(out, Ok(response));
                let _ = stream.blocking_write_and_flush(b"a body that some may not have");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "count" => text(out, &format!("{}", COUNT.fetch_add(1, Ordering::SeqCst) + 1)),
            "fetch" => fetch(rest, out),
            "post" => post(rest, out),
            "fields" => fields(out),
            "trap" => panic!("on purpose"),
            "silent" => drop(out),
            "error" => ResponseOutparam::set(out, Err(ErrorCode::HttpRequestDenied)),
            "hang" => subscribe_duration(3_600_000_000_000).block(),
            "spin" => loop {
                std::hint::black_box(0);
            },
            "exit" => wasi::cli::exit::exit(Err(())),
            "cut" => {
                let (stream, body) = begin(out, Fields::new());
                let _ = stream.blocking_write_and_flush(b"not all of it");
                pause(rest);
                drop(stream);
                drop(body);
            }
            "short" => {
                let headers = Fields::new();
                headers.set("content-length", &[b"100".to_vec()]).unwrap();
                let (stream, body) = begin(out, headers);
                let _ = stream.blocking_write_and_flush(b"not so long");
                pause(rest);
                drop(stream);
                if let Err(code) = OutgoingBody::finish(body, None) {
                    eprintln!("finish: {code:?}");
                }
            }
            "late" => {
                subscribe_duration(rest.parse::<u64>().unwrap() * 1_000_000).block();
                text(out, "at last");
            }
            "early" => {
                let (stream, body) = begin(out, Fields::new());
                subscribe_duration(rest.parse::<u64>().unwrap() * 1_000_000).block();
                let _ = stream.blocking_write_and_flush(b"at last");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "eat" => {
                let mut pieces: Vec<Vec<u8>> = Vec::new();
                loop {
                    let mut piece = Vec::new();
                    if piece.try_reserve_exact(1 << 20).is_err() {
                        break;
                    }
                    piece.resize(1 << 20, 1);
                    pieces.push(piece);
                }
                text(out, &format!("{}", pieces.len()));
            }
            "read" => text(out, &std::fs::read_to_string(format!("/{rest}")).unwrap_or_else(|e| e.to_string())),
            _ => {
                let response = OutgoingResponse::new(Fields::new());
                response.set_status_code(404).unwrap();
                ResponseOutparam::set(out, Ok(response));
            }
        }
    }
}

/// So many milliseconds, where there is a number.
fn pause(milliseconds: &str) {
    if let Ok(milliseconds) = milliseconds.parse::<u64>() {
        subscribe_duration(milliseconds * 1_000_000).block();
    }
}

fn begin(out: ResponseOutparam, headers: Fields) -> (OutputStream, OutgoingBody) {
    let response = OutgoingResponse::new(headers);
    let body = response.body().unwrap();
    let stream = body.write().unwrap();
    ResponseOutparam::set(out, Ok(response));
    (stream, body)
}

fn text(out: ResponseOutparam, text: &str) {
    let headers = Fields::new();
    headers.set("content-length", &[text.len().to_string().into_bytes()]).unwrap();
    let (stream, body) = begin(out, headers);
    stream.blocking_write_and_flush(text.as_bytes()).unwrap();
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

/// All that can be seen of a request.
fn show(request: IncomingRequest, out: ResponseOutparam) {
    let mut lines = vec![
        format!("method {:?}", request.method()),
        format!("path {:?}", request.path_with_query()),
        format!("scheme {:?}", request.scheme()),
        format!("authority {:?}", request.authority()),
    ];
    for (name, value) in request.headers().entries() {
        lines.push(format!("{name}: {}", String::from_utf8_lossy(&value)));
    }
    lines.push(format!("immutable {:?}", request.headers().append("x", &b"y".to_vec())));
    text(out, &lines.join("\n"));
}

/// Sends back what comes while it comes, trailers too.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let headers = Fields::new();
    for value in request.headers().get("content-type") {
        headers.append("content-type", &value).unwrap();
    }
    let (to, body) = begin(out, headers);
    let from = incoming.stream().unwrap();
    let whole = copy(&from, &to);
    drop(from);
    drop(to);
    if whole.is_err() {
        eprintln!("echo: {whole:?}");
        return;
    }
    let future = IncomingBody::finish(incoming);
    future.subscribe().block();
    let trailers = future.get().unwrap().unwrap().unwrap();
    OutgoingBody::finish(body, trailers.map(|trailers| trailers.clone())).unwrap();
}

fn copy(from: &InputStream, to: &OutputStream) -> Result<u64, String> {
    let mut total = 0;
    loop {
        match from.blocking_read(65_536) {
            Ok(bytes) => {
                total += bytes.len() as u64;
                for piece in bytes.chunks(4096) {
                    to.blocking_write_and_flush(piece).map_err(|error| format!("write {error:?}"))?;
                }
            }
            Err(StreamError::Closed) => return Ok(total),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("read {:?}", http_error_code(&error)))
            }
        }
    }
}

fn bytes(mut left: u64, out: ResponseOutparam) {
    let (stream, body) = begin(out, Fields::new());
    let ready = stream.subscribe();
    while left > 0 {
        ready.block();
        let room = match stream.check_write() {
            Ok(room) => room.min(left),
            Err(_) => return,
        };
        stream.write(&vec![b'x'; room as usize]).unwrap();
        left -= room;
    }
    drop(ready);
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

/// `SCHEME/AUTHORITY/PATH`: answers with what that answers.
fn fetch(place: &str, out: ResponseOutparam) {
    let request = request_to(place);
    match respond(request, None) {
        Ok((status, content)) => text(out, &format!("{status} {content}")),
        Err(code) => text(out, &format!("{code:?}")),
    }
}

fn post(place: &str, out: ResponseOutparam) {
    let request = request_to(place);
    request.set_method(&Method::Post).unwrap();
    let body = request.body().unwrap();
    match respond(request, Some(body)) {
        Ok((status, content)) => text(out, &format!("{status} {content}")),
        Err(code) => text(out, &format!("{code:?}")),
    }
}

fn request_to(place: &str) -> OutgoingRequest {
    let mut parts = place.splitn(3, '/');
    let request = OutgoingRequest::new(Fields::from_list(&[("x-asked-by".into(), b"handler".to_vec())]).unwrap());
    let scheme = if parts.next() == Some("https") { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).unwrap();
    request.set_authority(parts.next()).unwrap();
    request.set_path_with_query(Some(&format!("/{}", parts.next().unwrap_or_default()))).unwrap();
    request
}

fn respond(request: OutgoingRequest, body: Option<OutgoingBody>) -> Result<(u16, String), ErrorCode> {
    let future = outgoing_handler::handle(request, None)?;
    if let Some(body) = body {
        let stream = body.write().unwrap();
        for _ in 0..64 {
            if stream.blocking_write_and_flush(&[b'p'; 4096]).is_err() {
                break;
            }
        }
        drop(stream);
        OutgoingBody::finish(body, None)?;
    }
    future.subscribe().block();
    let response = future.get().unwrap().unwrap()?;
    let status = response.status();
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(65_536) {
            Ok(bytes) => content.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).unwrap_or(ErrorCode::InternalError(None)))
            }
        }
    }
    drop(stream);
    Ok((status, String::from_utf8_lossy(&content).into_owned()))
}

/// What fields refuse.
fn fields(out: ResponseOutparam) {
    let fields = Fields::new();
    let bad = [
        fields.append("a b", &b"x".to_vec()),
        fields.append("a", &b"x\r\ny: z".to_vec()),
        fields.append("Transfer-Encoding", &b"chunked".to_vec()),
        fields.append("fine", &b"\x80 \tok".to_vec()),
    ];
    text(out, &format!("{bad:?}"));
}
