//! Connection strings: our own table, since the published one is not always at hand.

use std::time::Duration;

use squall::proto::mongo::settings::{PoolSettings, Settings, SettingsError};
use squall::proto::mongo::uri::{Host, Uri, UriError};

/// Who, where and which database, in a line.
fn describe(uri: &str) -> Result<String, UriError> {
    let uri = Uri::parse(uri)?;
    let who = uri.credential.as_ref().map_or(String::new(), |c| {
        let (user, password) = (c.username.as_deref(), c.password.as_deref());
        format!("{}:{}@{} ", user.unwrap_or("-"), password.unwrap_or("-"), c.source)
    });
    let hosts = uri.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let warnings = uri.options.warnings().len();
    let warned = if warnings == 0 { String::new() } else { format!(" ({warnings} warnings)") };
    Ok(format!("{who}{hosts}/{}{warned}", uri.database.as_deref().unwrap_or_default()))
}

#[test]
fn strings_that_are_understood() {
    for (uri, expected) in [
        ("127.0.0.1", "127.0.0.1:27017/"), // S006
        ("localhost:4000", "localhost:4000/"),
        ("mongodb://LocalHost", "localhost:27017/"),
        ("mongodb://[::1]:9", "[::1]:9/"),
        ("mongodb://a,b:2,[::3]/db", "a:27017,b:2,[::3]:27017/db"),
        ("mongodb://%2Ftmp%2Fmongodb.sock/meet", "/tmp/mongodb.sock/meet"),
        ("mongodb://u:p@h/db", "u:p@db h:27017/db"),
        ("mongodb://u:p@h", "u:p@admin h:27017/"),
        ("mongodb://u:p@h/db?authSource=x", "u:p@x h:27017/db"),
        ("mongodb://%40%3A%2F:%25@h", "@:/:%@admin h:27017/"),
        ("mongodb://h/?nonsense=1&w=1", "h:27017/ (1 warnings)"),
        ("mongodb://h?w=majority", "h:27017/"),
        ("mongodb://h/?maxPoolSize=2&maxPoolSize=3", "h:27017/ (1 warnings)"),
        ("mongodb://h/?maxPoolSize=-1&journal=maybe", "h:27017/ (2 warnings)"),
    ] {
        assert_eq!(describe(uri).as_deref(), Ok(expected), "{uri}");
    }
}

#[test]
fn strings_that_are_refused() {
    use UriError::{
        Contradiction, Database, EmptyAuthSource, Escape, Host, NoUsername, OneHostOnly,
        OptionWithoutValue, Port, Scheme, Srv, SrvOnly, UserInfo,
    };
    for (uri, fault) in [
        ("", Scheme),
        ("http://h", Scheme),
        ("mongodb+srv://h.example.com", Srv), // SEC42
        ("mongodb://", Host),
        ("mongodb://a,,b", Host),
        ("mongodb://[::1", Host),
        ("mongodb://[::1]x", Host),
        ("mongodb://h:0", Port),
        ("mongodb://h:65536", Port),
        ("mongodb://h:+1", Port),
        ("mongodb://h:", Port),
        ("mongodb://::1", Port),
        ("mongodb://u:a:b@h", UserInfo),
        ("mongodb://u@v@h", UserInfo),
        ("mongodb://:p@h", NoUsername),
        ("mongodb://h/?authMechanism=SCRAM-SHA-256", NoUsername),
        ("mongodb://u:%4@h", Escape),
        ("mongodb://u:%zz@h", Escape),
        ("mongodb://u:%ff@h", Escape),
        ("mongodb://h/a.b", Database),
        ("mongodb://h/%00", Database),
        ("mongodb://h/?w", OptionWithoutValue),
        ("mongodb://h/?authSource=", EmptyAuthSource),
        ("mongodb://a,b/?directConnection=true", OneHostOnly),
        ("mongodb://h/?tls=true&ssl=false", Contradiction("tls", "ssl")),
        ("mongodb://h/?srvMaxHosts=1", SrvOnly("srvMaxHosts")),
    ] {
        assert_eq!(describe(uri), Err(fault), "{uri}");
    }
}

/// M029, M009: what a client is told by default, and by every option it heeds.
#[test]
fn settings_of_a_client() {
    let settings = |uri: &str| Settings::from_uri(&Uri::parse(uri).unwrap()).unwrap();
    let plain = settings("127.0.0.1");
    assert_eq!(plain.host, Host::Tcp("127.0.0.1".to_owned(), 27017));
    assert_eq!(plain.connect_timeout, Duration::from_secs(20));
    assert_eq!(plain.server_selection_timeout, Duration::from_secs(30));
    assert_eq!((plain.socket_timeout, plain.pool), (None, PoolSettings::default()));
    let full = settings(
        "mongodb://h/shop?maxPoolSize=5&minPoolSize=9&maxConnecting=1&maxIdleTimeMS=7000\
         &waitQueueTimeoutMS=50&connectTimeoutMS=100&socketTimeoutMS=200\
         &serverSelectionTimeoutMS=300&appName=till&w=2&journal=true&readConcernLevel=local",
    );
    assert_eq!((full.pool.size_max, full.pool.size_min, full.pool.connecting_max), (5, 5, 1));
    assert_eq!(full.pool.idle_time_max, Some(Duration::from_secs(7)));
    assert_eq!(full.pool.wait_timeout, Some(Duration::from_millis(50)));
    assert_eq!(full.connect_timeout, Duration::from_millis(100));
    assert_eq!(full.socket_timeout, Some(Duration::from_millis(200)));
    assert_eq!(full.server_selection_timeout, Duration::from_millis(300));
    assert_eq!((full.app_name.as_deref(), full.database.as_deref()), (Some("till"), Some("shop")));
    assert_eq!(full.concerns.write_concern.to_document(), Some(bson::doc! { "w": 2, "j": true }));
    assert_eq!(full.concerns.read_concern.to_document(), Some(bson::doc! { "level": "local" }));
    assert!(full.warnings.is_empty(), "{:?}", full.warnings);
    assert_eq!(settings("mongodb://h/?maxPoolSize=0").pool.size_max, usize::MAX);
    assert_eq!(settings("mongodb://h/?compressors=zlib").warnings.len(), 1);
    // A direct connection does not ask which set it has reached.
    assert_eq!(settings("mongodb://h/?replicaSet=rs&directConnection=true").warnings.len(), 1);
}

/// M032: what is not there is refused by name instead of being left out.
#[test]
fn m032_what_is_not_supported() {
    let refused = |uri: &str| Settings::from_uri(&Uri::parse(uri).unwrap()).unwrap_err();
    assert_eq!(refused("mongodb://h/?tls=true"), SettingsError::Unsupported("tls"));
    assert_eq!(refused("mongodb://h/?tlsCAFile=ca.pem"), SettingsError::Unsupported("tls"));
    let aws = refused("mongodb://h/?authMechanism=MONGODB-AWS");
    assert_eq!(aws, SettingsError::Unsupported("this authMechanism"));
    assert_eq!(refused("mongodb://u@h"), SettingsError::NoPassword);
    assert_eq!(refused("mongodb://a,b"), SettingsError::ReplicaSet);
    assert_eq!(refused("mongodb://a/?replicaSet=rs0"), SettingsError::ReplicaSet);
    let contradiction = refused("mongodb://h/?w=0&journal=true");
    assert_eq!(contradiction, SettingsError::Uri(UriError::Contradiction("w", "journal")));
}

/// HAZ38: a connection in the clear to another machine is worth a warning.
#[test]
fn haz38_remote_hosts() {
    for (uri, remote) in [
        ("127.0.0.1", false),
        ("localhost", false),
        ("mongodb://[::1]", false),
        ("mongodb://%2Ftmp%2Fs", false),
        ("10.0.0.1", true),
        ("mongodb://db.example.com", true),
    ] {
        assert_eq!(Settings::from_uri(&Uri::parse(uri).unwrap()).unwrap().is_remote(), remote);
    }
}

/// HAZ37: neither print-out nor error shows a password, a token or a file's pass phrase.
#[test]
fn haz37_nothing_secret_is_printed() {
    let uri = "mongodb://alice:s3cret@h/db?tlsCertificateKeyFilePassword=s3cret\
               &authMechanismProperties=TOKEN:s3cret&maxPoolSize=s3cret&proxyPassword=s3cret";
    let parsed = Uri::parse(uri).unwrap();
    let text =
        format!("{parsed} {parsed:?} {:#?} {:?}", parsed.credential, parsed.options.warnings());
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.starts_with("mongodb://<credentials>@h:27017/db Uri("), "{text}");
    for wrong in
        ["mongodb://alice:s3cret:x@h", "mongodb://alice:s3cret%@h", "x://s3cret", "a:s3cret"]
    {
        let error = Uri::parse(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
