//! SCRAM: the RFCs' own conversations, and everything a dishonest peer might try.

use squall::proto::mongo::scram::{
    Client, ClientFirst, ITERATIONS_MAX, KeyRequest, Mechanism, ScramError, Server, Verifier,
};

/// RFC 7677, section 3: both sides, word for word.
#[test]
fn rfc7677_sha256() {
    let mut client = Client::new(Mechanism::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".to_owned());
    assert_eq!(client.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let salt = b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81".to_vec();
    let wanted = KeyRequest::new(Mechanism::Sha256, "user", "pencil", salt, 4096).unwrap();
    let verifier = Verifier::new(&wanted, &wanted.derive());
    let first = ClientFirst::parse(&client.first()).unwrap();
    assert_eq!(first.username, "user");
    let (server, challenge) = Server::start(verifier, &first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(
        String::from_utf8_lossy(&challenge),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let request = client.challenge(&challenge, "pencil").unwrap();
    assert_eq!(request, wanted);
    let proof = client.proof(&request.derive()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&proof),
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    let last = server.finish(&proof).unwrap();
    assert_eq!(last, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert!(!client.is_verified());
    client.verify(&last).unwrap();
    assert!(client.is_verified());
}

/// The specification's SHA-1 conversation: RFC 5802 with the password hashed `MongoDB`'s way.
#[test]
fn rfc5802_sha1_with_mongodbs_password() {
    let mut client = Client::new(Mechanism::Sha1, "user", "fyko+d2lbbFgONRv9qkxdawL".to_owned());
    assert_eq!(client.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    let challenge =
        b"r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,s=rQ9ZY3MntBeuP3E1TDVC4w==,i=10000";
    let request = client.challenge(challenge, "pencil").unwrap();
    let proof = client.proof(&request.derive()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&proof),
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,\
         p=MC2T8BvbmWRckDw8oWl5IVghwCY="
    );
    client.verify(b"v=UMWeI25JD1yNYZRMpZ4VHvhZ9e0=").unwrap();
}

/// A whole conversation with our own server; answers who noticed what.
fn converse(
    mechanism: Mechanism,
    user: &str,
    password: &str,
    known_as: &str,
    known: &str,
) -> Result<(), ScramError> {
    let request = KeyRequest::new(mechanism, known_as, known, vec![9; 16], 4096)?;
    let verifier = Verifier::new(&request, &request.derive());
    let mut client = Client::new(mechanism, user, "cccc".to_owned());
    let first = ClientFirst::parse(&client.first())?;
    assert_eq!(first.username, user);
    let (server, challenge) = Server::start(verifier, &first, "ssss");
    let keys = client.challenge(&challenge, password)?.derive();
    let proof = client.proof(&keys)?;
    client.verify(&server.finish(&proof)?)
}

/// The users of the authentication specification: `SASLprep` for SHA-256, none for SHA-1.
#[test]
fn names_and_passwords_of_all_kinds() {
    let both = [Mechanism::Sha1, Mechanism::Sha256];
    for mechanism in both {
        for (user, password) in
            [("user", "pencil"), ("a,b=c", "x"), ("=2C", "p,=w"), ("ünï", "пароль"), ("u", "")]
        {
            assert_eq!(converse(mechanism, user, password, user, password), Ok(()));
            let wrong = converse(mechanism, user, "wrong", user, password);
            assert_eq!(wrong, Err(ScramError::ClientProof));
        }
    }
    assert_eq!(converse(Mechanism::Sha256, "IX", "I\u{ad}X", "IX", "IX"), Ok(()));
    assert_eq!(converse(Mechanism::Sha256, "u", "\u{2168}", "u", "IX"), Ok(()));
    let not_prepared = converse(Mechanism::Sha1, "u", "\u{2168}", "u", "IX");
    assert_eq!(not_prepared, Err(ScramError::ClientProof));
    let control = converse(Mechanism::Sha256, "u", "a\u{7}b", "u", "IX");
    assert_eq!(control, Err(ScramError::Password));
}

/// HAZ32, M007: a server that asks for too much, too little, or nothing sensible.
#[test]
fn haz32_challenges_that_are_refused() {
    let challenge = |text: &str| {
        let mut client = Client::new(Mechanism::Sha256, "user", "abc".to_owned());
        client.challenge(text.as_bytes(), "pencil").map(|_| ())
    };
    assert_eq!(challenge("r=abcd,s=W22Z,i=4096"), Ok(()));
    assert_eq!(challenge(&format!("r=abcd,s=W22Z,i={ITERATIONS_MAX}")), Ok(()));
    for rounds in ["4095", "0", "-1", "1000001", "2147483648", "99999999999999999999", "x", ""] {
        let text = format!("r=abcd,s=W22Z,i={rounds}");
        assert_eq!(challenge(&text), Err(ScramError::Iterations), "{rounds}");
    }
    for nonce in ["abc", "xabc", "", "ab", "abx"] {
        let text = format!("r={nonce},s=W22Z,i=4096");
        assert_eq!(challenge(&text), Err(ScramError::Nonce), "{nonce}");
    }
    for text in ["", "r=abcd", "r=abcd,i=4096,s=W22Z", "r=abcd,s=*,i=4096", "m=x,r=abcd", "e=x"] {
        assert_eq!(challenge(text), Err(ScramError::Syntax), "{text}");
    }
    let mut client = Client::new(Mechanism::Sha256, "user", "abc".to_owned());
    assert_eq!(client.challenge(b"r=abc\xff,s=W22Z,i=4096", "p").err(), Some(ScramError::Syntax));
}

/// M007: a server that cannot prove itself is not the server, however friendly it is.
#[test]
fn the_server_must_prove_itself() {
    let proved = || {
        let mut client = Client::new(Mechanism::Sha256, "user", "abc".to_owned());
        let request = client.challenge(b"r=abcd,s=W22Z,i=4096", "pencil").unwrap();
        client.proof(&request.derive()).unwrap();
        client
    };
    for (last, fault) in [
        (&b"v=AAAA"[..], ScramError::ServerSignature),
        (b"v=", ScramError::ServerSignature),
        (b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ScramError::ServerSignature),
        (b"v=*", ScramError::Syntax),
        (b"", ScramError::Syntax),
        (b"e=other-error", ScramError::Refused),
    ] {
        let mut client = proved();
        assert_eq!(client.verify(last), Err(fault));
        assert!(!client.is_verified());
    }
    let mut early = Client::new(Mechanism::Sha256, "user", "abc".to_owned());
    assert_eq!(early.verify(b"v=AAAA"), Err(ScramError::State));
}

/// HAZ37: none of the secrets is printed.
#[test]
fn haz37_nothing_secret_is_printed() {
    let request = KeyRequest::new(Mechanism::Sha1, "user", "pencil", vec![1], 4096).unwrap();
    let text = format!("{request:?} {:?}", request.derive());
    assert_eq!(text, "KeyRequest(SCRAM-SHA-1, 4096 iterations) Keys(<redacted>)");
}
