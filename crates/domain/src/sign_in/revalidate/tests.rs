use std::sync::{Arc, Mutex};

use super::*;
use crate::admission::{AdmissionRules, Criterion, Rule};
use crate::error::ErrorCode;
use crate::identity::ExternalIdentity;
use crate::people::AccountStatus;
use crate::ports::{AccountCreation, IdTokenFault, ProviderCall, ProviderError};
use crate::protocol::Subject;
use crate::session::{NextRevalidation, SessionId};
use crate::sign_in::testing::{ISSUER, NOW, Scene, World, account, identity, stated};
use crate::sign_in::{CompletedSignIn, Visitor};

const TOKEN: &str = "refresh-1";

type Answered = Result<ExternalIdentity, ProviderError>;
/// Groups, and with what the provider is asked the next time.
type KeptAnswer = (Vec<String>, NextRevalidation);
type Answer = Box<dyn Fn() -> Answered + Send>;

#[derive(Clone, Debug, PartialEq)]
enum Told {
    Groups(String, i64),
    NotAdmitted(i64),
    End,
}

fn down() -> Answered {
    Err(ProviderError::unavailable(ProviderCall::Token, crate::ports::CallFailure::Connection, "down"))
}

fn refresh_token(text: &str) -> Option<RefreshToken> {
    RefreshToken::parse(text).ok()
}

fn external() -> ProviderId {
    ProviderId::parse("external").unwrap()
}

/// Ada in these groups, with what the provider is asked with the next time.
fn ada_in(group: &str, next: Option<&str>) -> ExternalIdentity {
    let groups = vec![group.to_owned()];
    ExternalIdentity { groups, refresh_token: next.and_then(refresh_token), ..identity(stated(true)) }
}

/// A world in which the group `lab` may come in, and Ada signs in with this refresh token. What sessions are
/// created and kept is seen.
struct Lab {
    world: World,
    created: Arc<Mutex<Vec<Session>>>,
}

impl Lab {
    /// The provider gives this refresh token, and answers so when it is asked again; with the next token,
    /// where there is one.
    fn new(given: Option<&str>, answers: Vec<Answer>) -> Self {
        let mut answers = answers.into_iter();
        Self::whose_provider(given, answers.len(), move |asked| {
            assert_eq!(*asked, refresh_token(TOKEN).unwrap());
            let identity = answers.next().unwrap()();
            let refresh_token = identity.as_ref().ok().and_then(|identity| identity.refresh_token.clone());
            Refreshed { refresh_token, identity }
        })
    }

    fn whose_provider(
        given: Option<&str>,
        times: usize,
        mut answer: impl FnMut(&RefreshToken) -> Refreshed + Send + 'static,
    ) -> Self {
        let mut world = World::default();
        let rules = AdmissionRules::new(vec![Rule::new(Criterion::Group, ["lab"]).unwrap()], None);
        let mut provider = World::provider_with_revalidation(rules);
        let signed_in = ada_in("lab", given);
        provider.expect_redeem().returning(move |_| Ok(signed_in.clone()));
        provider.expect_refresh().times(times).returning(move |request| answer(&request.refresh_token));
        world.providers.push(provider);
        world.identities_open_what_is_linked();
        world.accounts.expect_find_by_name().returning(|_| Ok(None));
        let opened = world.opened.clone();
        world.identities.expect_create().returning(move |account, _| {
            opened.set(account);
            Ok(AccountCreation::Created)
        });
        let created = Arc::new(Mutex::new(Vec::new()));
        let there = Arc::clone(&created);
        world.sessions.expect_create().returning(move |session, _| {
            there.lock().unwrap().push(session.clone());
            Ok(true)
        });
        let there = Arc::clone(&created);
        world.sessions.expect_list_of().returning(move |_, _| Ok(there.lock().unwrap().clone()));
        Self { world, created }
    }

    /// The answers that are kept from now on, in their order.
    fn kept(&mut self) -> Arc<Mutex<Vec<KeptAnswer>>> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeping = Arc::clone(&kept);
        self.world.sessions.expect_keep_answer().returning(move |_, groups, _, revalidation| {
            keeping.lock().unwrap().push((groups.to_vec(), revalidation.unwrap().clone()));
            Ok(())
        });
        kept
    }

    /// What access tokens are told from now on, in its order with the ends of sessions: the groups of an identity
    /// that is admitted, with the time since the sign-in.
    fn told(&mut self) -> Arc<Mutex<Vec<Told>>> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (telling, ending) = (Arc::clone(&told), Arc::clone(&told));
        self.world.access_tokens.expect_keep_admission().returning(move |issuer, subject, groups, at| {
            assert_eq!((issuer.as_str(), subject.as_str()), (ISSUER, "subject-of-ada"));
            let at = at.as_unix_seconds() - NOW;
            telling
                .lock()
                .unwrap()
                .push(groups.map_or(Told::NotAdmitted(at), |it| Told::Groups(it.join(" "), at)));
            Ok(())
        });
        self.world.sessions.expect_end().returning(move |_, _| {
            ending.lock().unwrap().push(Told::End);
            Ok(())
        });
        told
    }

    /// Ada signs in, ten minutes pass, and it is time to revalidate the session, and no other.
    async fn signed_in(mut self) -> (Scene, Session) {
        let due = Arc::clone(&self.created);
        self.world.sessions.expect_take_due().returning(move |provider, now, seen_after, again_at, _| {
            assert_eq!(*provider, external());
            assert!(seen_after < now && now < again_at);
            Ok(std::mem::take(&mut *due.lock().unwrap()))
        });
        let created = self.created;
        let scene = self.world.scene();
        sign_in(&scene).await;
        let session = created.lock().unwrap()[0].clone();
        scene.clock.advance(600);
        (scene, session)
    }
}

async fn sign_in(scene: &Scene) {
    let (cookie, state) = scene.begin("/").await;
    let query = format!("code=c&state={state}");
    let completed = scene.sign_in.external().complete(&query, &[cookie], &Visitor::default()).await;
    assert!(matches!(completed, Ok(CompletedSignIn::SignedIn { .. })));
}

/// A session as if it were another person's.
fn of_another_person(session: Session) -> Session {
    let external = session.external.unwrap();
    let external = ExternalSession { subject: Subject::parse("somebody else").unwrap(), ..external };
    Session { external: Some(external), ..session }
}

/// Another session of the same person, with a token that was given so many seconds after the sign-in.
fn sibling(scene: &Scene, session: &Session, id: &str, token: &str, after: i64) -> Session {
    let id = SessionId::parse(id).unwrap();
    let given_at = Timestamp::from_unix_seconds(NOW + after);
    let external = session.external.clone().unwrap();
    let due_at = external.revalidation.as_ref().unwrap().due_at;
    let kept = KeptRefreshToken::new(&refresh_token(token).unwrap(), given_at);
    let tickets = scene.sign_in.revalidation().tickets;
    let revalidation = kept.seal(tickets, id, session.expires_at, due_at).unwrap();
    let external = Some(ExternalSession { revalidation: Some(revalidation), ..external });
    Session { id, external, ..session.clone() }
}

/// The session's own refresh token.
fn own(kept: &KeptRefreshToken) -> String {
    kept.tokens().next().unwrap().0.to_owned()
}

fn ended_by(scene: &Scene) -> Option<ErrorCode> {
    scene.log.events().iter().find_map(|event| match event {
        SignInEvent::RevalidationRejected { code, .. } => Some(*code),
        _ => None,
    })
}

#[tokio::test]
async fn an_admitted_persons_session_goes_on_with_new_groups_and_token() {
    let mut lab = Lab::new(
        Some(TOKEN),
        vec![Box::new(|| {
            let groups = vec!["lab".to_owned(), "new".to_owned()];
            Ok(ExternalIdentity { groups, ..ada_in("lab", Some("refresh-2")) })
        })],
    );
    let kept = lab.kept();
    lab.world.sessions.expect_end().never();
    let (scene, session) = lab.signed_in().await;
    let planned = session.external.clone().unwrap().revalidation.unwrap();
    assert_eq!(planned.due_at.as_unix_seconds(), NOW + 600);

    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(1));
    let kept = kept.lock().unwrap().clone();
    let opened = kept.iter().map(|(groups, revalidation)| {
        let kept = opened(&scene, &session, revalidation);
        let at = |timestamp: Timestamp| timestamp.as_unix_seconds() - NOW;
        (groups.join(" "), own(&kept), at(kept.told_at), at(revalidation.due_at))
    });
    // The token before anything else, for its predecessor is worth nothing any more; then what follows from
    // the answer.
    let token = || "refresh-2".to_owned();
    assert_eq!(
        opened.collect::<Vec<_>>(),
        [("lab".to_owned(), token(), 0, 780), ("lab new".to_owned(), token(), 600, 1200)]
    );
}

/// The refresh token that is sealed beside the session by then.
fn opened(scene: &Scene, session: &Session, revalidation: &NextRevalidation) -> KeptRefreshToken {
    let external = session.external.clone().unwrap();
    let external = ExternalSession { revalidation: Some(revalidation.clone()), ..external };
    KeptRefreshToken::open(scene.sign_in.revalidation().tickets, session.id, &external).unwrap()
}

#[tokio::test]
async fn a_token_is_kept_that_came_with_an_answer_of_no_use() {
    let mut lab = Lab::whose_provider(Some(TOKEN), 1, |_| {
        let error =
            ProviderError::unavailable(ProviderCall::UserInfo, crate::ports::CallFailure::Connection, "down");
        Refreshed { refresh_token: refresh_token("refresh-2"), identity: Err(error) }
    });
    let kept = lab.kept();
    lab.world.sessions.expect_end().never();
    let (scene, session) = lab.signed_in().await;
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(0));
    let kept = kept.lock().unwrap().clone();
    let [(_, revalidation)] = &kept[..] else { panic!("{kept:?}") };
    let kept = opened(&scene, &session, revalidation);
    assert_eq!((own(&kept).as_str(), kept.told_at.as_unix_seconds()), ("refresh-2", NOW));
}

#[tokio::test]
async fn an_unanswered_session_ends_after_three_intervals_if_others_are_answered() {
    for (after, others, is_out) in
        [(1800, true, false), (1801, true, true), (1801, false, false), (86_401, false, true)]
    {
        let first: Answer = if others { Box::new(|| Ok(ada_in("lab", None))) } else { Box::new(down) };
        let mut lab = Lab::new(Some(TOKEN), vec![first, Box::new(down)]);
        lab.kept();
        lab.world.sessions.expect_end().returning(|_, _| Ok(()));
        let due = Arc::clone(&lab.created);
        let (scene, session) = lab.signed_in().await;
        scene.clock.advance(after - 600);
        *due.lock().unwrap() = vec![session.clone(), of_another_person(session)];
        scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();
        assert_eq!(ended_by(&scene), is_out.then_some(ErrorCode::ProviderUnavailable), "{after} {others}");
    }
}

#[tokio::test]
async fn c056_a_person_provider_or_rules_refuse_is_signed_out() {
    let answers: [(fn() -> Answered, ErrorCode); 4] = [
        (|| Ok(ada_in("elsewhere", Some("refresh-2"))), ErrorCode::NotAdmitted),
        (|| Err(ProviderError::RefreshRejected(None)), ErrorCode::AccessDenied),
        (|| Err(IdTokenFault::Signature.into()), ErrorCode::IdTokenInvalid),
        (
            || {
                let subject = Subject::parse("somebody else").unwrap();
                Ok(ExternalIdentity { subject, ..ada_in("lab", Some("refresh-2")) })
            },
            ErrorCode::IdTokenInvalid,
        ),
    ];
    for (answer, code) in answers {
        let mut lab = Lab::new(Some(TOKEN), vec![Box::new(answer)]);
        lab.world.sessions.expect_keep_answer().returning(|_, _, _, _| Ok(()));
        let ended = Arc::new(Mutex::new(None));
        let ending = Arc::clone(&ended);
        lab.world.sessions.expect_end().times(1).returning(move |id, _| {
            *ending.lock().unwrap() = Some(id);
            Ok(())
        });
        let (scene, session) = lab.signed_in().await;
        assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(1));
        assert_eq!((*ended.lock().unwrap(), ended_by(&scene)), (Some(session.id), Some(code)));
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_ends_nothing_and_is_deferred() {
    for error in [
        ProviderError::unavailable(ProviderCall::Token, crate::ports::CallFailure::Connection, "down"),
        ProviderError::ClientRejected(None),
        ProviderError::TokenResponse("it is not application/json"),
    ] {
        let again = error.clone();
        let answers: Vec<Answer> =
            vec![Box::new(move || Err(error.clone())), Box::new(move || Err(again.clone()))];
        let mut lab = Lab::new(Some(TOKEN), answers);
        lab.world.sessions.expect_keep_answer().never();
        lab.world.sessions.expect_end().never();
        let created = Arc::clone(&lab.created);
        let (scene, session) = lab.signed_in().await;
        created.lock().unwrap().push(of_another_person(session));
        assert_eq!(
            scene.sign_in.revalidation().revalidate(&external(), || true).await,
            Ok(0),
            "nothing to go on with at once"
        );
        let events = scene.log.events();
        let deferred =
            events.iter().filter(|event| matches!(event, SignInEvent::RevalidationDeferred { .. }));
        assert_eq!(deferred.count(), 1, "one line for both");
    }
}

#[tokio::test]
async fn f10_once_stopped_no_further_session_is_revalidated() {
    for (says_yes, asked) in [(0_usize, 0_usize), (1, 1)] {
        let mut lab = Lab::new(
            Some(TOKEN),
            (0..asked).map(|_| Box::new(|| Ok(ada_in("lab", Some("refresh-2")))) as Answer).collect(),
        );
        let kept = lab.kept();
        lab.world.sessions.expect_end().never();
        let created = Arc::clone(&lab.created);
        let (scene, session) = lab.signed_in().await;
        *created.lock().unwrap() = vec![session.clone(), of_another_person(session)];
        let left = std::cell::Cell::new(says_yes);
        let goes_on = || left.replace(left.get().saturating_sub(1)) > 0;
        let decided = scene.sign_in.revalidation().revalidate(&external(), goes_on).await;
        assert_eq!(decided, Ok(asked as u64));
        // The one under way is kept whole: the successor of the spent token, and the answer.
        assert_eq!(kept.lock().unwrap().len(), 2 * asked);
    }
}

#[tokio::test]
async fn a_session_of_an_unlinked_identity_ends_without_a_question() {
    let mut lab = Lab::new(Some(TOKEN), Vec::new());
    lab.world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    let opened = lab.world.opened.clone();
    let (scene, _) = lab.signed_in().await;
    opened.set(&account(AccountStatus::Active));
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(1));
    assert_eq!(ended_by(&scene), Some(ErrorCode::AccountDisabled));
}

#[tokio::test]
async fn a_token_sealed_for_one_session_opens_for_no_other() {
    let mut lab = Lab::new(Some(TOKEN), Vec::new());
    lab.world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    let created = Arc::clone(&lab.created);
    let (scene, session) = lab.signed_in().await;
    let id = SessionId::parse("BBBBBBBBBBBBBBBBBBBBBA").unwrap();
    *created.lock().unwrap() = vec![Session { id, ..session }];
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(1));
    assert_eq!(ended_by(&scene), Some(ErrorCode::AttemptUnknown));
}

#[tokio::test]
async fn without_a_refresh_token_the_person_has_to_sign_in_again() {
    let lab = Lab::new(None, Vec::new());
    let (_, session) = lab.signed_in().await;
    assert_eq!(session.expires_at.as_unix_seconds(), NOW + 600);
    assert_eq!(session.external.unwrap().revalidation, None);
}

#[tokio::test]
async fn without_revalidation_no_refresh_token_is_kept() {
    let mut world = World::default();
    let mut provider = World::provider_that_admits(AdmissionRules::default());
    provider.expect_redeem().returning(|_| Ok(ada_in("lab", Some(TOKEN))));
    world.providers.push(provider);
    world.identities.expect_find_by_identity().returning(|_, _| Ok(Some(account(AccountStatus::Active))));
    world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(crate::ports::ProfileUpdate::Done));
    world
        .sessions
        .expect_create()
        .withf(|session, _| session.external.as_ref().is_some_and(|external| external.revalidation.is_none()))
        .times(1)
        .returning(|_, _| Ok(true));
    world.sessions.expect_take_due().never();
    let scene = world.scene();
    sign_in(&scene).await;
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(0));
}

const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBA";
const THIRD: &str = "CCCCCCCCCCCCCCCCCCCCCA";

fn refreshed(identity: Answered) -> Refreshed {
    let refresh_token = identity.as_ref().ok().and_then(|identity| identity.refresh_token.clone());
    Refreshed { refresh_token, identity }
}

fn rejected() -> Refreshed {
    refreshed(Err(ProviderError::RefreshRejected(None)))
}

/// The ids of sessions that end from now on.
fn endings(lab: &mut Lab) -> Arc<Mutex<Vec<SessionId>>> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let ending = Arc::clone(&ended);
    lab.world.sessions.expect_end().returning(move |id, _| {
        ending.lock().unwrap().push(id);
        Ok(())
    });
    ended
}

#[tokio::test]
async fn f38_a_person_is_asked_about_once_with_the_newest_refresh_token() {
    // At this provider the token of the second sign-in has made that of the first worthless.
    let mut lab = Lab::whose_provider(Some(TOKEN), 1, |asked| match asked.as_str() {
        "refresh-newer" => refreshed(Ok(ada_in("lab", Some("refresh-next")))),
        _ => rejected(),
    });
    let kept = lab.kept();
    let ended = endings(&mut lab);
    let due = Arc::clone(&lab.created);
    let (scene, first) = lab.signed_in().await;
    let second = sibling(&scene, &first, OTHER, "refresh-newer", 60);
    *due.lock().unwrap() = vec![first.clone(), second.clone()];
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(2));
    assert_eq!(*ended.lock().unwrap(), []);

    // The next token of the one who was asked, and then the answer for both.
    let kept = kept.lock().unwrap().clone();
    assert_eq!(kept.len(), 3);
    let tokens = |session: &Session, (_, revalidation): &KeptAnswer| {
        let kept = opened(&scene, session, revalidation);
        assert_eq!(revalidation.due_at.as_unix_seconds(), NOW + 1200);
        kept.tokens().map(|(token, _)| token.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        tokens(&first, &kept[1]),
        [TOKEN, "refresh-next"],
        "its own, for providers where that is good"
    );
    assert_eq!(tokens(&second, &kept[2]), ["refresh-next"]);
}

#[tokio::test]
async fn f38_a_session_goes_on_with_the_newest_token_after_the_other_has_ended() {
    let mut lab = Lab::whose_provider(Some(TOKEN), 2, |asked| match asked.as_str() {
        TOKEN => rejected(),
        _ => refreshed(Ok(ada_in("lab", None))),
    });
    let kept = lab.kept();
    let ended = endings(&mut lab);
    let due = Arc::clone(&lab.created);
    let (scene, first) = lab.signed_in().await;
    *due.lock().unwrap() = vec![first.clone(), sibling(&scene, &first, OTHER, "refresh-newer", 60)];
    scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();

    let (_, revalidation) = kept.lock().unwrap()[0].clone();
    let alone = ExternalSession { revalidation: Some(revalidation), ..first.external.clone().unwrap() };
    *due.lock().unwrap() = vec![Session { external: Some(alone), ..first }];
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(1));
    assert_eq!(*ended.lock().unwrap(), []);
}

#[tokio::test]
async fn f38_a_session_that_ended_at_the_provider_alone_ends_alone() {
    for (next, writes) in [(None, 1), (Some("refresh-next"), 2)] {
        let mut lab = Lab::whose_provider(Some(TOKEN), 2, move |asked| match asked.as_str() {
            "refresh-newer" => rejected(),
            _ => refreshed(Ok(ada_in("lab", next))),
        });
        let kept = lab.kept();
        let ended = endings(&mut lab);
        let due = Arc::clone(&lab.created);
        let (scene, first) = lab.signed_in().await;
        let second = sibling(&scene, &first, OTHER, "refresh-newer", 60);
        *due.lock().unwrap() = vec![first, second.clone()];
        assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(2));
        assert_eq!(ended.lock().unwrap().clone(), [second.id], "{next:?}");
        assert_eq!(kept.lock().unwrap().len(), writes, "{next:?}");
    }
}

#[tokio::test]
async fn f38_a_person_whose_tokens_are_all_refused_is_signed_out_everywhere() {
    let mut lab = Lab::whose_provider(Some(TOKEN), 3, |_| rejected());
    let ended = endings(&mut lab);
    let due = Arc::clone(&lab.created);
    let (scene, first) = lab.signed_in().await;
    let others = [(OTHER, "refresh-2", 0), (THIRD, "refresh-3", 60)];
    let mut all = vec![first.clone()];
    all.extend(others.map(|(id, token, after)| sibling(&scene, &first, id, token, after)));
    *due.lock().unwrap() = all;
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(3));
    assert_eq!(ended.lock().unwrap().len(), 3);
    assert_eq!(ended_by(&scene), Some(ErrorCode::AccessDenied));
}

#[tokio::test]
async fn f38_a_token_that_a_newer_sign_in_made_worthless_ends_nothing() {
    let newer = Arc::new(Mutex::new(None));
    let signing_in = Arc::clone(&newer);
    let mut lab = Lab::whose_provider(Some(TOKEN), 1, move |_| {
        // Ada signs in once more while the provider is asked.
        let (there, session): (Arc<Mutex<Vec<Session>>>, Session) =
            signing_in.lock().unwrap().take().unwrap();
        there.lock().unwrap().push(session);
        rejected()
    });
    lab.world.sessions.expect_end().never();
    let due = Arc::clone(&lab.created);
    let (scene, first) = lab.signed_in().await;
    *newer.lock().unwrap() = Some((due, sibling(&scene, &first, OTHER, "refresh-newer", 600)));
    assert_eq!(scene.sign_in.revalidation().revalidate(&external(), || true).await, Ok(0));
    assert_eq!(ended_by(&scene), None);
}

#[tokio::test]
async fn f38_a_failure_is_a_refusal_where_others_are_answered_well() {
    for others in [false, true] {
        let failed = || Err(ProviderError::RefreshFailed("500 invalid_request".to_owned()));
        let first: Answer = if others { Box::new(|| Ok(ada_in("lab", None))) } else { Box::new(failed) };
        let mut lab = Lab::new(Some(TOKEN), vec![first, Box::new(failed)]);
        lab.kept();
        let ended = endings(&mut lab);
        let due = Arc::clone(&lab.created);
        let (scene, session) = lab.signed_in().await;
        scene.clock.advance(30);
        *due.lock().unwrap() = vec![session.clone(), of_another_person(session)];
        scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();
        assert_eq!(ended_by(&scene), others.then_some(ErrorCode::AccessDenied), "{others}");
        assert_eq!(ended.lock().unwrap().len(), usize::from(others));
    }
}

#[test]
fn f38_two_long_tokens_are_not_both_kept() {
    let at = Timestamp::from_unix_seconds(NOW);
    let token = |letter: &str, length| refresh_token(&letter.repeat(length)).unwrap();
    for (length, count) in [(1200, 2), (1201, 1), (RefreshToken::MAX_LEN, 1)] {
        let mut kept = KeptRefreshToken::new(&token("a", length), at);
        kept.note_answer(&token("b", length), at, at);
        assert_eq!(kept.tokens().count(), count, "{length}");
        assert!(serde_json::to_vec(&kept).unwrap().len() < 2700, "{length}");
    }
}

#[tokio::test]
async fn access_tokens_go_with_what_the_provider_says() {
    let groups: Answer = Box::new(|| Ok(ada_in("lab", None)));
    let elsewhere: Answer = Box::new(|| Ok(ada_in("elsewhere", None)));
    let refused: Answer = Box::new(|| Err(ProviderError::RefreshRejected(None)));
    let not_admitted = vec![Told::NotAdmitted(600), Told::End, Told::NotAdmitted(600)];
    for (answer, expected) in [
        (groups, vec![Told::Groups("lab".to_owned(), 600)]),
        (elsewhere, not_admitted.clone()),
        (refused, not_admitted),
        (Box::new(down), Vec::new()),
    ] {
        let mut lab = Lab::new(Some(TOKEN), vec![answer]);
        lab.kept();
        let told = lab.told();
        let (scene, _) = lab.signed_in().await;
        scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();
        assert_eq!(*told.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn access_tokens_of_a_person_who_goes_unanswered_for_too_long_open_nothing() {
    let mut lab = Lab::new(Some(TOKEN), vec![Box::new(down)]);
    let told = lab.told();
    let (scene, _) = lab.signed_in().await;
    scene.clock.advance(86_401 - 600);
    scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [Told::NotAdmitted(86_401), Told::End, Told::NotAdmitted(86_401)]);

    // As long as one session of the person goes on, so do they.
    let mut lab = Lab::whose_provider(Some(TOKEN), 1, |_| refreshed(down()));
    let told = lab.told();
    let due = Arc::clone(&lab.created);
    let (scene, first) = lab.signed_in().await;
    scene.clock.advance(86_401 - 600);
    *due.lock().unwrap() = vec![first.clone(), sibling(&scene, &first, OTHER, "refresh-newer", 60)];
    scene.sign_in.revalidation().revalidate(&external(), || true).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [Told::End]);
}
