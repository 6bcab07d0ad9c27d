use super::*;

fn serve(arguments: &[&str]) -> Result<Serve, clap::Error> {
    let all = ["labgate-mock-idp", "serve", "--algorithm", "ES256"].iter().chain(arguments);
    match Cli::try_parse_from(all)?.command {
        Command::Serve(serve) => Ok(*serve),
        Command::Faults => unreachable!(),
    }
}

#[test]
fn the_defaults_are_a_lab_on_this_machine() {
    let serve = serve(&[]).unwrap();
    let idp = serve.builder().unwrap().base_url("http://127.0.0.1:9400").unwrap().build().unwrap();
    let banner = serve.banner(&idp);
    for expected in [
        "MOCK",
        "Issuer:   http://127.0.0.1:9400\n",
        "Users:    ada, bob, noone\n",
        "LAB_EXTERNAL_OIDC_AUTH_URL=http://127.0.0.1:9400/authorize\n",
        "LAB_EXTERNAL_OIDC_TOKEN_URL=http://127.0.0.1:9400/token\n",
        "LAB_EXTERNAL_OIDC_CLIENT_ID=lab\n",
        "LAB_EXTERNAL_OIDC_CLIENT_SECRET=lab-secret\n",
    ] {
        assert!(banner.contains(expected), "{expected} in {banner}");
    }
}

#[test]
fn several_issuers_users_faults_and_redirect_uris_can_be_named() {
    let serve = serve(&[
        "--issuer-path=/dex",
        "--issuer-path=/realms/lab",
        "--user=ada:ada@example.test:Ada Example:a,b",
        "--user=bob:unverified=bob@example.test:",
        "--client=lab:s:http://127.0.0.1/cb",
        "--client=lab:s:http://localhost/cb",
        "--backchannel-logout-session-required=false",
        "--fault=wrong-nonce",
        "--fault=odd-token-type:mac",
    ]);
    let serve = serve.unwrap();
    let idp = serve.builder().unwrap().build().unwrap();
    assert_eq!(idp.issuers().len(), 2);
    let expected = User::new("ada").email("ada@example.test").name("Ada Example").groups(["a", "b"]);
    assert_eq!(idp.users(), [expected, User::new("bob").unverified_email("bob@example.test")]);
    assert!(serve.banner(&idp).contains("Fault:    wrong-nonce: `nonce` is another one\n"));
}

#[test]
fn several_personas_stand_side_by_side() {
    let serve = serve(&["--persona=entra=common", "--persona=github", "--persona=dex"]).unwrap();
    let idp = serve.builder().unwrap().build().unwrap();
    let banner = serve.banner(&idp);
    for expected in [
        "Persona:  entra=common\n",
        "LAB_EXTERNAL_OIDC_AUTH_URL=http://idp.test/common/oauth2/v2.0/authorize\n",
        "LAB_EXTERNAL_OIDC_TOKEN_URL=http://idp.test/login/oauth/access_token\n",
        "Issuer:   http://idp.test/dex\n",
    ] {
        assert!(banner.contains(expected), "{expected} in {banner}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for bad in [
        "--client=lab:secret",
        "--backchannel-logout-uri=http://127.0.0.1/",
        "--backchannel-logout-session-required=perhaps",
        "--user=ada",
        "--user=::",
        "--fault=nonsense",
        "--persona=azure",
        "--algorithm=none",
        "--listen=9400",
    ] {
        assert!(serve(&[bad]).is_err(), "{bad}");
    }
    assert!(serve(&["--issuer-path=dex"]).unwrap().builder().is_err());
    let unknown = serve(&["--backchannel-logout-uri=other:http://127.0.0.1/"]).unwrap().builder();
    assert!(unknown.err().unwrap().to_string().contains("no --client has that id"));
}

#[tokio::test]
async fn a_logout_uri_is_for_the_client_that_it_names() {
    let serve = serve(&[
        "--client=lab:s:http://127.0.0.1/cb",
        "--client=other:s:http://127.0.0.1/cb",
        "--backchannel-logout-uri=lab:http://127.0.0.1:8091/logout",
    ]);
    let idp = serve.unwrap().builder().unwrap().build().unwrap();
    for client in ["lab", "other"] {
        let url = format!(
            "{}?response_type=code&scope=openid&state=s&nonce=n&code_challenge_method=S256\
             &code_challenge={}&redirect_uri=http://127.0.0.1/cb&client_id={client}",
            idp.authorization_endpoint(),
            "c".repeat(43),
        );
        idp.sign_in(&url.parse().unwrap(), "ada").unwrap();
    }
    let told = idp.end_sessions_of("ada").await.unwrap();
    let told: Vec<_> = told.iter().map(|notice| (notice.client_id().as_str(), notice.uri())).collect();
    assert_eq!(told, [("lab", &"http://127.0.0.1:8091/logout".parse().unwrap())]);
}

#[test]
fn every_fault_is_listed_with_what_a_relying_party_must_do() {
    let list = faults();
    assert!(Fault::ALL.iter().all(|fault| list.contains(&format!("{}\n", fault.name()))));
}
