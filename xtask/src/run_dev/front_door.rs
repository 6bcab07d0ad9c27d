//! The reverse proxy of the lab that `run-dev` shows, with the services behind it: what nginx, Caddy or Traefik
//! do in a real lab, in one small file. Not for anything but looking at it.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::greeting;
use super::http::{Headers, Request, Response};
use super::services::{LAB_HOST, Service};
use crate::net::loopback;

/// Labgate's check, in Caddy's words.
const CHECK: &str = "/api/auth/check/caddy";
/// Labgate's paths on the hosts of services, which are never checked.
const ON_EVERY_HOST: &str = "/.labgate/";
/// The headers in the answer of a passed check that tell the service who asks.
const TOLD: [&str; 6] =
    ["remote-user", "remote-email", "remote-name", "remote-groups", "x-labgate-assertion", "authorization"];
/// The beginnings of the headers that only a proxy may set: those by which services know people, and those that
/// say what is asked for. Some servers take an underscore for a hyphen.
const OURS: [&str; 8] = [
    "remote-",
    "x-remote-",
    "x-auth-",
    "x-webauth-",
    "x-labgate-",
    "x-original-",
    "x-forwarded-",
    "forwarded",
];
/// Headers about this connection alone.
const HOP_BY_HOP: [&str; 6] = ["connection", "keep-alive", "proxy-connection", "te", "expect", "trailer"];
const LIMIT: Duration = Duration::from_mins(1);

/// A reverse proxy in front of Labgate and the services.
struct FrontDoor {
    /// The port of the lab's public address.
    port: u16,
    /// The port at which Labgate listens.
    labgate: u16,
}

/// Opens the lab's public port. The door is open until this process ends.
pub(super) fn open(port: u16, labgate: u16) -> Result<()> {
    let listener = TcpListener::bind(loopback(port)).with_context(|| format!("port {port} for the lab"))?;
    serve(listener, FrontDoor { port, labgate });
    Ok(())
}

fn serve(listener: TcpListener, door: FrontDoor) {
    let door = Arc::new(door);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let door = Arc::clone(&door);
            // A client that hangs up is not worth a word.
            thread::spawn(move || drop(door.answer(&client)));
        }
    });
}

impl FrontDoor {
    fn answer(&self, client: &TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(LIMIT))?;
        client.set_write_timeout(Some(LIMIT))?;
        let mut reader = BufReader::new(client);
        let Ok(request) = Request::read(&mut reader) else {
            return plain(client, "400 Bad Request", "This is no request that the front door can read.");
        };
        let peer = client.peer_addr()?.ip();
        let mut body = reader.take(request.body_len());
        let (host, port) = request.host().rsplit_once(':').unwrap_or((request.host(), "80"));
        let is_ours = port == self.port.to_string();
        let service = Service::find(host, request.path()).filter(|_| is_ours);
        let is_lab = is_ours && host == LAB_HOST && service.is_none();
        let done = if is_lab || request.path().starts_with(ON_EVERY_HOST) {
            self.pass_on(&request, peer, &mut body, client)
        } else {
            self.check_and_greet(&request, peer, service, client)
        };
        // What was not read would reset the connection, and the answer with it.
        io::copy(&mut body, &mut io::sink())?;
        done
    }

    /// Lets Labgate answer for itself.
    fn pass_on(
        &self,
        request: &Request,
        peer: IpAddr,
        body: &mut impl io::Read,
        mut client: &TcpStream,
    ) -> io::Result<()> {
        let headers = without_claims(&request.headers).with("x-forwarded-for", peer.to_string());
        let first_line = format!("{} {} HTTP/1.1", request.method, request.target);
        let Ok(mut labgate) = self.connect() else { return labgate_is_away(client) };
        labgate.write_all(&headers.head(&first_line))?;
        io::copy(body, &mut labgate)?;
        io::copy(&mut labgate, &mut client).map(drop)
    }

    /// Asks Labgate whether the request may pass. If so, the service greets the person; if not, the client gets
    /// Labgate's answer as it is.
    fn check_and_greet(
        &self,
        request: &Request,
        peer: IpAddr,
        service: Option<&Service>,
        mut client: &TcpStream,
    ) -> io::Result<()> {
        let clean = without_claims(&request.headers);
        let asked = clean
            .filtered(|name| name != "content-length")
            .with("x-forwarded-for", peer.to_string())
            .with("x-forwarded-host", request.host())
            .with("x-forwarded-uri", request.target.as_str())
            .with("x-forwarded-method", request.method.as_str());
        let Ok(mut labgate) = self.connect() else { return labgate_is_away(client) };
        labgate.write_all(&asked.head(&format!("GET {CHECK} HTTP/1.1")))?;
        let mut answer = Vec::new();
        labgate.read_to_end(&mut answer)?;
        let checked = Response::parse(&answer)?;
        let (200..=299, Some(service)) = (checked.status, service) else {
            return client.write_all(&answer);
        };
        // From here on it is the service that speaks, with what a proxy passes on to it.
        let (cookies, of_labgate) = without_labgates(&clean);
        let told = checked.headers.filtered(|name| TOLD.contains(&name));
        let page = greeting::page(service, self.port, &told, &cookies, of_labgate);
        let renewed = checked.headers.filtered(|name| name == "set-cookie");
        respond(client, "200 OK", "text/html; charset=utf-8", &page, renewed)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let labgate = TcpStream::connect(loopback(self.labgate))?;
        labgate.set_read_timeout(Some(LIMIT))?;
        labgate.set_write_timeout(Some(LIMIT))?;
        Ok(labgate)
    }
}

/// Removes what only a proxy may say.
fn without_claims(headers: &Headers) -> Headers {
    headers.filtered(|name| {
        let name = name.replace('_', "-");
        !HOP_BY_HOP.contains(&&*name) && !OURS.iter().any(|ours| name.starts_with(ours))
    })
}

/// Returns the cookies that a service sees, and the number of those of Labgate that it does not.
fn without_labgates(headers: &Headers) -> (Vec<String>, usize) {
    let is_labgates = |cookie: &String| {
        let name = cookie.strip_prefix("__Host-").unwrap_or(cookie);
        name.starts_with("labgate")
    };
    let values = headers.all("cookie").map(String::from_utf8_lossy);
    let cookies =
        values.flat_map(|value| value.split(';').map(|it| it.trim().to_owned()).collect::<Vec<_>>());
    let (ours, theirs): (Vec<_>, Vec<_>) = cookies.filter(|it| !it.is_empty()).partition(is_labgates);
    (theirs, ours.len())
}

fn labgate_is_away(client: &TcpStream) -> io::Result<()> {
    plain(client, "502 Bad Gateway", "Labgate does not answer.")
}

fn plain(client: &TcpStream, status: &str, text: &str) -> io::Result<()> {
    respond(client, status, "text/plain; charset=utf-8", text, Headers::default())
}

fn respond(
    mut client: &TcpStream,
    status: &str,
    content_type: &str,
    body: &str,
    further: Headers,
) -> io::Result<()> {
    let headers = further
        .with("content-type", content_type)
        .with("content-length", body.len().to_string())
        .with("cache-control", "no-store")
        .with("content-security-policy", greeting::POLICY)
        .with("x-content-type-options", "nosniff");
    let mut response = headers.head(&format!("HTTP/1.1 {status}"));
    response.extend_from_slice(body.as_bytes());
    client.write_all(&response)
}

#[cfg(test)]
mod tests;
