use std::net::Ipv4Addr;

use super::*;

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn exchange(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(loopback(port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a request through a front door, and returns what Labgate was asked and what the client got. `PORT` in
/// the request is the front door's.
fn through(request: &str, labgates_answer: &str) -> (String, String) {
    let (labgate, labgate_port) = listener();
    let (public, port) = listener();
    serve(public, FrontDoor { port, labgate: labgate_port });
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let (stream, _) = labgate.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let request = Request::read(&mut reader).unwrap();
            let mut body = String::new();
            reader.take(request.body_len()).read_to_string(&mut body).unwrap();
            (&stream).write_all(labgates_answer.as_bytes()).unwrap();
            let first_line = format!("{} {} HTTP/1.1", request.method, request.target);
            String::from_utf8(request.headers.head(&first_line)).unwrap() + &body
        });
        let got = exchange(port, &request.replace("PORT", &port.to_string()));
        (asked.join().unwrap(), got)
    })
}

const PASSED: &str = "HTTP/1.1 200 OK\r\nremote-user: ada\r\nremote-name: Ada <b>\r\nset-cookie: labgate=new\r\n\
                      x-labgate-assertion: eyJhIjoxfQ.eyJhdWQiOiJleHBlcmltZW50cyJ9.x\r\ncontent-length: 0\r\n\r\n";

#[test]
fn a_service_is_told_by_labgate_alone_and_sees_no_cookie_of_it() {
    let request = "GET /experiments/a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nRemote-User: root\r\n\
                   Remote_Email: root@example.test\r\nX-Forwarded-Uri: /\r\nX-Original-URL: /\r\n\
                   Cookie: labgate=token; theirs=<i>; __Host-labgate-form=x\r\n\r\n";
    let (asked, got) = through(request, PASSED);
    assert!(asked.starts_with("GET /api/auth/check/caddy HTTP/1.1\r\n"), "{asked}");
    let port = asked.split("x-forwarded-host: 127.0.0.1:").nth(1).unwrap().split('\r').next().unwrap();
    for line in [
        "x-forwarded-uri: /experiments/a%20b?c=d\r\n",
        "x-forwarded-method: GET\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "cookie: labgate=token; theirs=<i>; __Host-labgate-form=x\r\n",
        &format!("\r\nhost: 127.0.0.1:{port}\r\n"),
    ] {
        assert_eq!(asked.matches(line).count(), 1, "{line}{asked}");
    }
    assert!(!asked.contains("root") && !asked.contains("x-original-url"), "{asked}");
    for text in [
        "Hello, Ada &lt;b&gt;",
        "<dt>Remote-User</dt><dd>ada</dd>",
        "<dt>Remote-Email</dt><dd>not set</dd>",
        "&quot;aud&quot;: &quot;experiments&quot;",
        "theirs=&lt;i&gt; The front door took away 2 of Labgate's.",
        "set-cookie: labgate=new\r\n",
    ] {
        assert!(got.contains(text), "{text}\n{got}");
    }
    assert!(!got.contains("token"), "{got}");
}

#[test]
fn a_refusal_reaches_the_client_as_labgate_gives_it() {
    let refusal = "HTTP/1.1 303 See Other\r\nlocation: /login\r\ncontent-length: 2\r\n\r\nno";
    for host in ["notebooks.localhost:PORT", "evil.example:PORT", "127.0.0.1:1"] {
        let request = format!("POST /x HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4\r\n\r\nbody");
        let (asked, got) = through(&request, refusal);
        assert!(asked.contains("x-forwarded-method: POST\r\n") && !asked.contains("body"), "{asked}");
        assert_eq!(got, refusal, "{host}");
    }
}

#[test]
fn a_passed_check_of_what_is_no_service_greets_nobody() {
    let (_, got) = through("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n", PASSED);
    assert_eq!(got, PASSED);
}

#[test]
fn labgates_own_pages_go_through_unchecked() {
    let page = "HTTP/1.1 200 OK\r\n\r\nLabgate";
    for (host, path) in
        [("127.0.0.1:PORT", "/api/auth/login?a"), ("notebooks.localhost:PORT", "/.labgate/enter?to=%2F")]
    {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: 10.0.0.1\r\ncontent-length: 4\r\n\r\nbody"
        );
        let (asked, got) = through(&request, page);
        assert!(
            asked.starts_with(&format!("POST {path} HTTP/1.1\r\n")) && asked.ends_with("body"),
            "{asked}"
        );
        assert!(asked.contains("x-forwarded-for: 127.0.0.1\r\n") && !asked.contains("10.0.0.1"), "{asked}");
        assert_eq!(got, page);
    }
}

#[test]
fn what_is_no_request_is_refused_and_a_dead_labgate_is_named() {
    let (public, port) = listener();
    let (labgate, labgate_port) = listener();
    drop(labgate);
    serve(public, FrontDoor { port, labgate: labgate_port });
    for bad in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        assert!(exchange(port, bad).starts_with("HTTP/1.1 400 "), "{bad}");
    }
    let away = exchange(port, "GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n");
    assert!(away.starts_with("HTTP/1.1 502 "), "{away}");
}
