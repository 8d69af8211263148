//! Texts of every day that have the looks of a secret and are none.

use super::*;

/// None of these is a secret.
const PLAIN: &[&str] = &[
    // Examples of manuals and placeholders.
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AKIAXXXXXXXXXXXXXXXX",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "export GITHUB_TOKEN=ghp_YOUR_TOKEN_HERE",
    "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "OPENAI_API_KEY=<your-key>",
    "ANTHROPIC_API_KEY=sk-ant-...",
    "api_key = os.environ[\"OPENAI_API_KEY\"]",
    "apiKey: process.env.STRIPE_SECRET_KEY_2024_PRODUCTION",
    "password: ${DB_PASSWORD}",
    "password={{ vault_db_password_2024 }}",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "secret: \"changeme\"",
    "password = \"correct horse battery staple\"",
    "password: 'Password123!'",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <token>",
    "headers = {\"Authorization\": f\"Bearer {self.access_token}\"}",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    // Addresses.
    "postgres://postgres:postgres@localhost:5432/app",
    "postgres://user:password@localhost/db",
    "mysql://root:root@127.0.0.1/app",
    "redis://:${REDIS_PASSWORD}@cache:6379/0",
    "mongodb://<user>:<password>@host",
    "https://github.com/acme/app/pull/1234#issuecomment-1234567890",
    "https://user@host.internal/path:123@x",
    "ssh://git@github.com:22/acme/app.git",
    "http://localhost:8080/@vite/client",
    // Names in code.
    "let token = self.next_token()?;",
    "const token = jwt.sign({ id: user.id }, process.env.JWT_SECRET, { expiresIn: '7d' });",
    "pub struct Secret(SecretString);",
    "password_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(12))",
    "if (token === TokenKind.OpenParenthesis2) {",
    "secretKeyRef: { name: app-db-credentials-v2, key: password }",
    "tokenType: 'urn:ietf:params:oauth:token-type:access_token'",
    "access_token_url = 'https://auth.internal/oauth2/v1/token'",
    "max_tokens: 8192, total_tokens=123456789012345678",
    "next_page_token: \"CAESDgoMCPb4oLkGEKjZ2pEC7Xq1\"",
    "csrf_token = \"q7Xv2LmP9zRt4KwB8nYs\"",
    "token_hash = \"9f2b7c41d8e60a35b1c7f4e2a9d06b38\"",
    "client_secret_id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "tokenizer = AutoTokenizer.from_pretrained('Qwen/Qwen2.5-Coder-7B')",
    "password: z.string().min(8).max(128).regex(/[A-Z]/),",
    "<input type=\"password\" name=\"password\" autocomplete=\"current-password\">",
    "task-9f2b7c41d8e60a35b1c7f4e2a9d06b38 risk-1234 disk-0",
    "hf_hub_download(repo_id, filename) or HF_TOKEN, hf_model_configuration_with_long_name",
    "SG.Utils.DoSomethingVeryLongNamed.AndThenSomethingElseThatIsLonger",
    "npm_config_registry npm_lifecycle_event npm_package_version_with_a_very_long_name1",
    "ASIAPACIFICREGIONSALES ASIAPACIFIC",
    "xoxo-love-and-kisses-for-everyone-in-this-room",
    "sig=hash(message)&sv=1",
    // Test keys of shops.
    concat!("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("STRIPE_SECRET_KEY=sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("pk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
    // Headers of key files, without a key.
    "if (!pem.startsWith('-----BEGIN PRIVATE KEY-----')) throw new Error('not a key');",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq8x3m0vK9T1zYb7n5uLw2cRk4s6Q\n-----END PUBLIC KEY-----",
    // Hashes and ids.
    "commit 0ded75e9f2b7c41d8e60a35b1c7f4e2a9d06b38f",
    "index 9f2b7c41d8e..60a35b1c7f4 100644",
    "id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "\"integrity\": \"sha512-q7Xv2LmP9zRt4KwB8nYsq7Xv2LmP9zRt4KwB8nYsq7Xv2LmP9zRt4KwB8nYsq7Xv2LmP9zRt4KwB8nYs==\"",
    "checksum = \"c982642fa9e8606056828ee9a8505737230110bb1099153c79efe865c59d12ba\"",
    "h1:q7Xv2LmP9zRt4KwB8nYsq7Xv2LmP9zRt4KwB8nYs0=",
    "sha256:c982642fa9e8606056828ee9a8505737230110bb1099153c79efe865c59d12ba",
    "ETag: W/\"9f2b7c41d8e60a35b1c7f4e2a9d06b38\"",
    "00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............",
    // Tools of the web.
    "!function(e,t){\"object\"==typeof exports?module.exports=t():e.tokenize=t}(this,function(){var e={token:1,secret:a.b}});",
    ".a{color:#9f2b7c;background:url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)}",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=",
    "toolu_01A09q90qw90lq917835lq9 call_9f2b7c41d8e60a35b1c7f4e2 msg_01XFDUDYJgAACzvnptvVoYEL",
    "UseDevelopmentStorage=true;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
];

#[test]
fn nothing_is_found_in_what_is_no_secret() {
    let mut alarms = Vec::new();
    for plain in PLAIN {
        for text in [
            (*plain).to_owned(),
            quoted(plain),
            quoted(&quoted(&format!("\n{plain}\n"))),
        ] {
            alarms.extend(
                all(&text)
                    .into_iter()
                    .map(|found| (found.kind, text.clone())),
            );
        }
    }

    assert!(alarms.is_empty(), "{alarms:#?}");
}

#[test]
fn a_wrong_checksum_is_no_token() {
    let mut token = format!("ghp_{}", checked(4));
    let last = token.pop().expect("a letter");
    token.push(if last == 'a' { 'b' } else { 'a' });

    assert_eq!(all(&token), []);
}

#[test]
fn pictures_and_other_long_runs_are_quiet() {
    for seed in 0..20 {
        let base64 = drawn(BASE64, 100_000, seed);
        let hex = drawn(HEX, 20_000, seed);
        let text = format!("{{\"url\":\"data:image/png;base64,{base64}==\",\"dump\":\"{hex}\"}}");

        assert_eq!(all(&text), []);
    }
}

/// Our own sources are full of names such as `secret` and `token`.
#[test]
fn this_crate_gives_nothing_away() {
    let here = [
        include_str!("../rules.rs"),
        include_str!("../shapes.rs"),
        include_str!("../assigned.rs"),
        include_str!("../../identity.rs"),
        include_str!("../../../../Cargo.lock"),
    ];
    for text in here {
        assert_eq!(all(text), []);
        assert_eq!(all(&quoted(text)), []);
    }
}
