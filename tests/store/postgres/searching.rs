//! A search finds what the domain says, though the database looks first.

use labgate_domain::people::{Account, AccountId, DisplayName, Username};
use sqlx::AssertSqlSafe;

use super::{fresh, open};
use crate::store::lab::{self, Replica, add_local, local};

#[tokio::test]
async fn a_search_finds_what_the_domain_finds() {
    let database = fresh().await;
    let store = Replica::new(open(&database).await);
    let people: Vec<Account> = [
        ("ada_l", "Élodie ΟΔΥΣΣΕΎΣ"),
        ("road", "Straße 100%"),
        ("degree", "300 \u{212a}"),
        ("plain", "Plain Name"),
        ("turk", "İstanbul ıI"),
        ("back", "a\\b 'c' \"d\""),
    ]
    .into_iter()
    .zip(1..)
    .map(|((username, name), number)| Account {
        username: Username::local(username).unwrap(),
        name: DisplayName::new(name),
        ..local(number, username)
    })
    .collect();
    for person in &people {
        add_local(&store, person, None).await;
    }
    let plain_with_address = Account { email: Some(lab::email("Ann@Example.COM")), ..local(7, "ann") };
    add_local(&store, &plain_with_address, None).await;
    let everybody: Vec<_> = people.into_iter().chain([plain_with_address]).collect();
    for search in [
        "",
        "a",
        "A",
        "élo",
        "ÉLO",
        "elo",
        "ss",
        "SS",
        "ß",
        "k",
        "K",
        "\u{212a}",
        "i",
        "I",
        "ı",
        "İ",
        "οδυσσεύς",
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "e n",
        "n p",
        "plain plain",
        "ann@e",
        "@",
        "\0",
        "a\0",
        "\n",
    ] {
        let found = store.administration.list(Some(search), None, 100).await.unwrap();
        let found: Vec<AccountId> = found.accounts.iter().map(|it| it.id).collect();
        let expected: Vec<AccountId> =
            everybody.iter().filter(|it| it.is_found_by(search)).map(|it| it.id).collect();
        assert_eq!(found, expected, "{search:?}");
    }
}

#[tokio::test]
async fn among_many_accounts_a_search_goes_on_from_page_to_page() {
    let database = fresh().await;
    let store = Replica::new(open(&database).await);
    let many = "INSERT INTO accounts SELECT
        '01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 'person' || n, NULL,
        CASE WHEN n % 2 = 0 THEN 'É' END, 'user', 'active', 0 FROM generate_series(1, 5000) AS n";
    sqlx::raw_sql(AssertSqlSafe(many)).execute(&mut database.connect().await).await.unwrap();
    for (search, expected) in [("PERSON49", 111), ("é", 2500), ("nobody", 0)] {
        let (mut after, mut found) = (None, 0);
        loop {
            let page = store.administration.list(Some(search), after, 50).await.unwrap();
            found += page.accounts.len();
            after = page.accounts.last().map(|account| account.id);
            if !page.more {
                break;
            }
            assert_eq!(page.accounts.len(), 50);
        }
        assert_eq!(found, expected, "{search}");
    }
}
