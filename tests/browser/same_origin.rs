//! A service on a path of the lab's own origin, with a hostile page that an administrator opens.

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Lab, link, says};

/// Tries to make Mallory an administrator, and says what came of it. The administrator is signed in, and all
/// that a page can do is done with the session.
const HOSTILE: &str = r#"<!doctype html><title>Notebook</title><body><script>
const form = token => new URLSearchParams(
    { csrf_token: token, username: 'mallory', role: 'admin', your_password: '' });
const token = html => (html.match(/csrf_token" value="([^"]+)/) || [])[1] || '';
const script = async (path, body) => {
    const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
    return (await fetch(path, { method: 'POST', body, headers })).status;
};
const framed = path => new Promise(resolve => {
    const frame = document.createElement('iframe');
    frame.onload = () => {
        let html = '';
        try { html = frame.contentDocument.documentElement.outerHTML; } catch {}
        resolve(token(html));
    };
    frame.src = path;
    document.body.append(frame);
});
const postedInFrame = path => new Promise(resolve => {
    const frame = document.createElement('iframe');
    frame.name = 'there';
    document.body.append(frame);
    const sent = document.createElement('form');
    Object.assign(sent, { method: 'post', action: path, target: 'there' });
    for (const [name, value] of form('guessed')) {
        sent.append(Object.assign(document.createElement('input'), { name, value }));
    }
    document.body.append(sent);
    frame.onload = () => resolve('sent');
    sent.submit();
});
const opened = path => new Promise(resolve => {
    const tab = window.open(path);
    const look = () => {
        if (!tab || tab.closed) return resolve('');
        try {
            const there = tab.document;
            if (tab.location.pathname === '/admin' && there.readyState === 'complete') {
                return resolve(token(there.documentElement.outerHTML));
            }
        } catch { return resolve(''); }
        setTimeout(look, 20);
    };
    look();
});
(async () => {
    const users = await (await fetch('/api/auth/users')).json();
    const eve = users.accounts.find(account => account.username === 'eve').id;
    const page = await (await fetch('/admin')).text();
    const results = {
        readByFetch: token(page),
        readInFrame: await framed('/admin'),
        readInTab: await opened('/admin'),
        create: await script('/api/auth/users', JSON.stringify({ username: 'mallory', role: 'admin' })),
        promote: await script(`/api/auth/users/${eve}/make-admin`, '{}'),
        remove: (await fetch(`/api/auth/users/${eve}`, { method: 'DELETE' })).status,
    };
    for (const found of [results.readByFetch, results.readInFrame, results.readInTab, 'guessed']) {
        results.form = Math.max(results.form || 0, await script('/admin', form(found)));
    }
    await postedInFrame('/admin');
    window.results = results;
    document.body.append(Object.assign(document.createElement('p'), { textContent: 'done' }));
})();
</script>"#;

/// Serves the hostile page below `/notebooks/`, and Labgate everywhere else.
async fn proxy(listener: TcpListener, labgate: String) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(answer(client, labgate.clone()));
    }
}

/// Answers one request, and closes the connection.
async fn answer(mut client: TcpStream, labgate: String) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).replace("Connection: keep-alive", "Connection: close");
    if head.starts_with("GET /notebooks/") {
        let len = HOSTILE.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n"
        );
        return client.write_all((head + HOSTILE).as_bytes()).await;
    }
    let mut upstream = TcpStream::connect(labgate).await?;
    upstream.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(|_| ())
}

#[tokio::test]
async fn f27_a_hostile_page_of_the_same_origin_administers_nothing() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (lab, labgate) = Lab::behind(&format!("http://{}", listener.local_addr().unwrap())).await;
    let proxy = tokio::spawn(proxy(listener, labgate));
    let root = lab.administrator().await;
    root.make_account("eve", "", "").await;

    root.go("/notebooks/hostile").await;
    root.find(&says("done")).await;
    let results = root.script("return window.results").await;
    let expected = json!({
        "readByFetch": "", "readInFrame": "", "readInTab": "",
        "create": 403, "promote": 403, "remove": 403, "form": 403,
    });
    assert_eq!(results, expected);

    root.go("/admin").await;
    root.find(&link("eve")).await;
    root.find("//tr[.//a[.='eve'] and contains(., 'user')]").await;
    assert_eq!(root.count(&link("mallory")).await, 0);
    root.client.clone().close().await.unwrap();
    proxy.abort();
}
