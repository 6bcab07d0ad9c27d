//! A new kind of provider is one value: here a fourteenth, made from outside of the crate.

use std::sync::Arc;

use labgate_domain::protocol::HintParameters;
use labgate_domain::world::Clock;
use labgate_provider::{Field, Kind, Kinds, NoPreset, Offline, Preset, Quirks, kinds, provider};
use serde_json::json;

use crate::support::{Op, at_endpoints, json_answer};

static ACME: Kind = Kind {
    name: "acme",
    by_urls: |urls| {
        let is_acme = urls.authorization().url().path() == "/acme/authorize";
        Ok(is_acme.then(|| Box::new(NoPreset) as Box<dyn Preset>))
    },
    hints: HintParameters { domain: Some("acme_org"), ..HintParameters::OPENID },
    quirks: Quirks { offline: Offline::Always, ..Quirks::NONE },
    meanings: "other\tACME-42\tThe client is asleep at Acme: wake it under Clients.\n",
    ..Kind::OPENID
};

static WITH_ACME: Kinds = Kinds::new(&[&ACME, &kinds::DEX]);

#[tokio::test]
async fn a_new_kind_is_recognised_derived_explained_and_offered() {
    let op = Op::start().await;
    let issuer = format!("{}/acme", op.issuer());
    let (authorize, token) = (format!("{issuer}/authorize"), format!("{issuer}/token"));
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": authorize,
        "token_endpoint": token,
        "jwks_uri": format!("{issuer}/keys"),
    });
    op.answer("/acme/.well-known/openid-configuration", json_answer(200, &metadata));

    let mut settings = at_endpoints(&authorize, &token, None)
        .with(Field::Name, ["Acme"])
        .with(Field::DomainHint, ["lab"])
        .with(Field::Recheck, ["5m"]);
    assert!(settings.clone().parse().is_err(), "nothing but the new kind takes the hint");
    settings.kinds = WITH_ACME;
    let settings = settings.parse().unwrap();
    assert_eq!(settings.kind(), &ACME);

    let provider = provider(settings, Arc::clone(&op.clock) as Arc<dyn Clock>).unwrap();
    let server = provider.authorization_server().await.unwrap();
    assert_eq!(server.issuer.as_str(), issuer);
    assert_eq!(server.extra_parameters, [("acme_org".to_owned(), "lab".to_owned())]);
    let asleep = "The client is asleep at Acme: wake it under Clients.";
    assert_eq!(provider.explain("Error ACME-42: sleeping."), Some(asleep));
    assert_eq!(provider.explain("Invalid client_id"), None, "that is Dex's");
    // The sign-in page prints this name.
    assert_eq!(provider.description().name, "Acme");
}
