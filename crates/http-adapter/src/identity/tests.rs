use labgate_domain::access::{Identity, IdentityGroups, ServiceId, ServiceUrl};
use labgate_domain::people::{AccountId, DisplayName, EmailAddress, Role, Username};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use super::*;

fn told(headers: IdentityHeaders, encoding: HeaderEncoding, groups: &[&str]) -> HeaderMap {
    let (id, url) = (ServiceId::parse("x").unwrap(), ServiceUrl::parse("https://x.example").unwrap());
    let identity = Identity { headers, encoding, groups: IdentityGroups::All, assertion: true };
    let service = Service { identity, ..Service::new(id, "X", url) };
    let person = SessionPerson {
        account: AccountId::parse("00000000-0000-7000-8000-000000000000").unwrap(),
        session: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        username: Username::parse("ada").unwrap(),
        email: EmailAddress::parse("ada@example.com").ok(),
        name: DisplayName::new("Zoë 100%"),
        role: Role::User,
        groups: groups.iter().map(|it| (*it).to_owned()).collect(),
        local_groups: labgate_domain::people::LocalGroups::default(),
        accepted_terms: Vec::new(),
        authenticated_at: Timestamp::from_unix_seconds(0),
    };
    let mut headers = HeaderMap::new();
    tell(
        &mut headers,
        &service,
        &person,
        service.identity.headers,
        Some(&Assertion::new("a.b.c".to_owned())),
    );
    headers
}

fn bytes<'h>(headers: &'h HeaderMap, name: &str) -> &'h [u8] {
    headers[name].as_bytes()
}

#[test]
fn identity_stands_in_the_words_that_the_service_knows() {
    let remote = told(IdentityHeaders::Remote, HeaderEncoding::Utf8, &["ml", "staff"]);
    assert_eq!(bytes(&remote, "remote-user"), b"ada");
    assert_eq!(bytes(&remote, "remote-email"), b"ada@example.com");
    assert_eq!(bytes(&remote, "remote-name"), "Zoë 100%".as_bytes());
    assert_eq!(bytes(&remote, "remote-groups"), b"ml,staff");
    assert_eq!(bytes(&remote, "authorization"), b"Bearer a.b.c");
    assert!(remote["x-labgate-assertion"].is_sensitive());
    let other = told(IdentityHeaders::XAuthRequest, HeaderEncoding::Utf8, &[]);
    assert_eq!(bytes(&other, "x-auth-request-preferred-username"), b"ada");
    assert_eq!(bytes(&other, "x-auth-request-groups"), b"");
    assert!(!other.contains_key("remote-user"));
    assert!(!told(IdentityHeaders::None, HeaderEncoding::Utf8, &[]).contains_key("remote-user"));
}

#[test]
fn c186_no_text_breaks_a_header_or_parts_a_group() {
    let groups = ["a,b", "50%", "ü", "x\r\ny"];
    let plain = told(IdentityHeaders::Remote, HeaderEncoding::Utf8, &groups);
    assert_eq!(bytes(&plain, "remote-groups"), "a%2Cb,50%25,ü,x%0D%0Ay".as_bytes());
    let ascii = told(IdentityHeaders::Remote, HeaderEncoding::Percent, &groups);
    assert_eq!(bytes(&ascii, "remote-groups"), b"a%2Cb,50%25,%C3%BC,x%0D%0Ay");
    assert_eq!(bytes(&ascii, "remote-name"), b"Zo%C3%AB 100%25");
}
