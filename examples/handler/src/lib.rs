// SPDX-License-Identifier: Apache-2.0
//! Answers HTTP requests: `GET /`, `POST /echo`, and `GET /upstream/...`, which is asked of the server that the variable UPSTREAM names.
use wasi::cli::environment::get_environment;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::outgoing_handler;
use wasi::http::types::*;

struct Handler;
wasi::http::proxy::export!(Handler);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match (request.method(), path.as_str()) {
            (Method::Get, "/") => {
                let body = respond(out, 200, "text/plain");
                write(&body, b"Hello from inside the Keep.\n");
                OutgoingBody::finish(body, None).unwrap();
            }
            (Method::Post, "/echo") => {
                let incoming = request.consume().unwrap();
                let body = respond(out, 200, "application/octet-stream");
                pass(&incoming, &body);
                OutgoingBody::finish(body, None).unwrap();
            }
            (Method::Get, path) if path.starts_with("/upstream/") => upstream(&path["/upstream".len()..], out),
            _ => {
                let body = respond(out, 404, "text/plain");
                OutgoingBody::finish(body, None).unwrap();
            }
        }
    }
}

fn respond(out: ResponseOutparam, status: StatusCode, kind: &str) -> OutgoingBody {
    let headers = Fields::new();
    headers.set("content-type", &[kind.as_bytes().to_vec()]).unwrap();
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn write(body: &OutgoingBody, bytes: &[u8]) {
    let stream = body.write().unwrap();
    for piece in bytes.chunks(4096) {
        stream.blocking_write_and_flush(piece).unwrap();
    }
}

/// Passes a body on while it comes.
fn pass(from: &IncomingBody, to: &OutgoingBody) {
    let (from, to) = (from.stream().unwrap(), to.write().unwrap());
    while let Ok(count) = to.blocking_splice(&from, 65_536) {
        if count == 0 {
            break;
        }
    }
}

fn upstream(path: &str, out: ResponseOutparam) {
    let authority = get_environment().into_iter().find(|(name, _)| name == "UPSTREAM").map(|(_, value)| value);
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Https)).unwrap();
    request.set_authority(authority.as_deref()).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    let answer = outgoing_handler::handle(request, None).and_then(|future| {
        future.subscribe().block();
        future.get().unwrap().unwrap()
    });
    match answer {
        // The Keep tells the client what kind of error it was.
        Err(code) => ResponseOutparam::set(out, Err(code)),
        Ok(response) => {
            let body = respond(out, response.status(), "application/octet-stream");
            pass(&response.consume().unwrap(), &body);
            OutgoingBody::finish(body, None).unwrap();
        }
    }
}
