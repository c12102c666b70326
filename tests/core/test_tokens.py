"""Tokens: what the issuer writes, and for which reason and in which order the verifier refuses."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import string
from typing import Any, get_args

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.conditions import KNOBS, Settings
from simulator.core.metrics import REJECT_REASONS
from simulator.core.tokens import Issuer, Verifier, derive_key
from simulator.drivers.live.upgrade import claimed_member
from simulator.errors import MintFailed, TokenRejected

EPOCH = 1_000_000
RUN = b"a run's own secret"
HEALTHY = Settings()
KEY = derive_key(RUN, "sync-auth-v1")
OTHER_KEY = derive_key(RUN, "something else")
TOPICS = ("runtime.notifications", "runtime.run_summaries")


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims, issued at second 0 and good for 300 s; None takes a claim out."""
    good = {
        "iss": "https://openagents.com",
        "aud": "openagents-sync",
        "sub": "user:1",
        "iat": EPOCH,
        "nbf": EPOCH,
        "exp": EPOCH + 300,
        "jti": "sync_1",
        "oa_org_id": "org:1",
        "oa_sync_scopes": list(TOPICS),
        "oa_claims_version": "oa_sync_claims_v1",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(key: Any = KEY, kid: Any = "sync-auth-v1", **changes: Any) -> str:
    """Return a token with good claims, but for the changes."""
    return jwt.encode(claims(**changes), key, algorithm="HS256", headers=None if kid is None else {"kid": kid})


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def assemble(header: Any, payload: Any, signature: str = "c2ln") -> str:
    """Return a token that nobody signed."""
    return f"{segment(header)}.{segment(payload)}.{signature}"


def sign(payload: bytes, **header: Any) -> str:
    """Return a token with a good signature over any payload and header."""
    raw_segments = (json.dumps({"alg": "HS256", "kid": "sync-auth-v1", **header}).encode(), payload)
    signed = b".".join(base64.urlsafe_b64encode(raw).rstrip(b"=") for raw in raw_segments)
    signature = base64.urlsafe_b64encode(hmac.digest(KEY, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


def with_loose_bits(text: str) -> str:
    """Return a token whose signature is written with bits that no byte of it has."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def outcome(text: str | None, now: float = 0.0, settings: Settings = HEALTHY, verifier: Verifier | None = None) -> str:
    """Return the reason of the refusal, or `authorized`."""
    try:
        (verifier or Verifier(RUN, EPOCH)).verify(now, text, settings)
    except TokenRejected as rejected:
        return rejected.reason
    return "authorized"


HEADER = {"alg": "HS256", "kid": "sync-auth-v1", "typ": "JWT"}


def test_key_material_depends_on_the_run_and_on_the_name() -> None:
    assert len(KEY) == 32
    assert derive_key(RUN, "sync-auth-v1") == KEY
    assert len({KEY, OTHER_KEY, derive_key(b"another run", "sync-auth-v1")}) == 3


# --- what the mint writes


def test_a_token_has_the_originals_claims_and_key_id() -> None:
    minted = Issuer(RUN, EPOCH).mint(12.9, "7", TOPICS, HEALTHY)
    assert jwt.get_unverified_header(minted.text) == {"alg": "HS256", "kid": "sync-auth-v1", "typ": "JWT"}
    assert jwt.decode(minted.text, options={"verify_signature": False}) == {
        "iss": "https://openagents.com",
        "aud": "openagents-sync",
        "sub": "user:7",
        "iat": EPOCH + 12,
        "nbf": EPOCH + 12,
        "exp": EPOCH + 312,
        "jti": "sync_000000000000000000000001",
        "oa_user_id": "7",
        "oa_org_id": "org:rehearsal",
        "oa_sync_scopes": list(TOPICS),
        "oa_claims_version": "oa_sync_claims_v1",
    }


def test_a_token_knows_its_end_in_seconds_of_the_run() -> None:
    assert Issuer(RUN, EPOCH).mint(12.9, "7", TOPICS, HEALTHY).expires_at == 312.0


def test_no_two_tokens_are_alike() -> None:
    issuer = Issuer(RUN, EPOCH)
    assert issuer.mint(0.0, "7", TOPICS, HEALTHY) != issuer.mint(0.0, "7", TOPICS, HEALTHY)


def test_the_knobs_decide_what_is_written() -> None:
    settings = HEALTHY
    for knob, value in {
        "issuer.kid": "k2",
        "issuer.secret": "s2",
        "issuer.issuer": "i2",
        "issuer.audience": "a2",
        "issuer.claims_version": "v2",
        "issuer.ttl": 60.0,
    }.items():
        settings = settings.with_value(knob, value)
    text = Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, settings).text
    assert jwt.get_unverified_header(text)["kid"] == "k2"
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    body = jwt.decode(text, derive_key(RUN, "s2"), algorithms=["HS256"], audience="a2", options=options)
    assert (body["iss"], body["oa_claims_version"], body["exp"]) == ("i2", "v2", EPOCH + 60)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("unavailable", "sync_token_unavailable"),
        ("denied", "policy_denied"),
        ("invalid_scope", "invalid_scope"),
        ("unauthenticated", "unauthenticated"),
    ],
)
def test_an_endpoint_that_refuses_gives_no_token_and_says_why(answer: str, reason: str) -> None:
    with pytest.raises(MintFailed) as failed:
        Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, HEALTHY.with_value("issuer.answer", answer))
    assert failed.value.reason == reason


def read(text: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    return jwt.decode(text, options={"verify_signature": False})


def test_knobs_add_claims_take_the_id_out_and_let_the_user_be_a_number() -> None:
    settings = HEALTHY.with_value("issuer.session_claims", value=True).with_value("issuer.jti", value=False)
    said = read(Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, settings).text)
    assert (said["oa_session_id"], said["oa_device_id"], said["oa_user_id"]) == ("session:7", "device:7", "7")
    assert "jti" not in said
    numeric = HEALTHY.with_value("issuer.numeric_user_id", value=True)
    assert read(Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, numeric).text)["oa_user_id"] == 7
    assert read(Issuer(RUN, EPOCH).mint(0.0, "guest", TOPICS, numeric).text)["oa_user_id"] == "guest"


def test_a_knob_names_the_topics_of_new_tokens_whatever_was_asked_for() -> None:
    drifted = HEALTHY.with_value("issuer.scopes", " org:1:a , org:1:b,")
    assert read(Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, drifted).text)["oa_sync_scopes"] == ["org:1:a", "org:1:b"]
    for nothing in ("", " , "):
        same = HEALTHY.with_value("issuer.scopes", nothing)
        assert read(Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, same).text)["oa_sync_scopes"] == list(TOPICS)


DEFECT_KNOB = [word for word in get_args(KNOBS["issuer.defect"].setting.kind) if word != "none"]


@pytest.mark.parametrize("defect", DEFECT_KNOB)
def test_a_token_with_a_defect_is_refused_for_the_reason_that_the_defect_is_named_after(defect: str) -> None:
    text = Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, HEALTHY.with_value("issuer.defect", defect)).text
    assert outcome(text) == defect


@pytest.mark.parametrize("defect", DEFECT_KNOB)
def test_a_token_with_a_defect_still_says_whose_it_is(defect: str) -> None:
    text = Issuer(RUN, EPOCH).mint(0.0, "7", TOPICS, HEALTHY.with_value("issuer.defect", defect)).text
    assert claimed_member(text, 10) == 7


def test_the_verifier_accepts_what_the_issuer_mints() -> None:
    minted = Issuer(RUN, EPOCH).mint(10.5, "7", TOPICS, HEALTHY)
    verified = Verifier(RUN, EPOCH).verify(10.5, minted.text, HEALTHY)
    assert (verified.subject, verified.scopes) == ("user:7", TOPICS)


DEFECTS: dict[str, list[str | None]] = {
    "missing_token": [None, ""],
    "invalid_token_format": ["abc", "a.b", "a.b.c.d"],
    "invalid_token_encoding": [
        "!.!.!",
        f"{segment(HEADER)}.{segment(claims())}.not base64",
        f"{segment(HEADER)}.a.c2ln",
        f"{segment(HEADER)}.{segment([1])}.c2ln",
        f"{segment(HEADER)}.bm90IGpzb24.c2ln",
        token() + "!",
        token() + "\n",
        token() + "=",
        token().replace(".", "=.", 1),
        sign(b"[1]"),
        sign(b"not json"),
        "ä.ö.ü",
        f"{token()}\ud800",
    ],
    "invalid_header": [
        f"bm90IGpzb24.{segment(claims())}.c2ln",
        f".{segment(claims())}.c2ln",
        assemble([1], claims()),
        assemble({"kid": "sync-auth-v1"}, claims()),
        assemble({"alg": 7, "kid": "sync-auth-v1"}, claims()),
        assemble({"alg": "", "kid": "sync-auth-v1"}, claims()),
    ],
    "unsupported_alg": [
        jwt.encode(claims(), None, algorithm="none", headers={"kid": "sync-auth-v1"}),
        jwt.encode(claims(), KEY * 2, algorithm="HS512", headers={"kid": "sync-auth-v1"}),
        assemble({"alg": "RS256", "kid": "sync-auth-v1"}, claims()),
        assemble({"alg": "hs256", "kid": "sync-auth-v1"}, claims()),
    ],
    "missing_kid": [token(kid=None), token(kid=""), assemble({"alg": "HS256", "kid": 7}, claims())],
    "unknown_kid": [token(kid="sync-auth-v2"), token(kid=" sync-auth-v1")],
    "invalid_signature": [
        token(key=OTHER_KEY),
        assemble(HEADER, claims()),
        assemble(HEADER, claims(), ""),
        ".".join((token().split(".")[0], segment(claims(sub="user:2")), token().split(".")[2])),
    ],
    "invalid_claims": [
        *(token(**{name: None}) for name in ("iat", "exp", "sub", "jti", "oa_org_id", "oa_sync_scopes")),
        *(token(**{name: ""}) for name in ("sub", "jti", "oa_org_id", "oa_sync_scopes")),
        *(token(**{name: True}) for name in ("iat", "nbf", "exp")),
        *(token(**{name: 1.5}) for name in ("iat", "nbf", "exp")),
        token(exp=str(EPOCH + 300)),
        token(sub=7),
        token(oa_sync_scopes=[]),
        token(oa_sync_scopes=["", " "]),
        token(oa_sync_scopes=" , ,"),
        token(oa_sync_scopes={"a": 1}),
        token(iat=EPOCH + 20, exp=EPOCH + 10),
    ],
    "token_expired": [token(exp=EPOCH), token(exp=EPOCH - 1000), token(exp=-(10**4000))],
    "token_not_yet_valid": [token(iat=EPOCH + 31), token(nbf=EPOCH + 31), token(nbf=10**4000)],
    "claim_mismatch": [
        *(token(**{name: "drifted"}) for name in ("iss", "aud", "oa_claims_version")),
        *(token(**{name: None}) for name in ("iss", "aud", "oa_claims_version")),
        token(aud=["one", "two"]),
    ],
    "invalid_token": [
        jwt.encode(claims(), KEY, algorithm="HS256", headers={"kid": "sync-auth-v1", "crit": ["unheard-of"]}),
        sign(json.dumps(claims()).encode(), b64=False),
        with_loose_bits(token()),
    ],
}


GUARDED = HEALTHY.with_value("verifier.anti_replay", value=True).with_value("verifier.max_age", 300.0)
"""A verifier of the later original, beside its types."""

LATER: dict[str, list[tuple[str, Settings]]] = {
    "token_too_old": [(token(iat=EPOCH - 301), GUARDED), (token(iat=-(10**4000)), GUARDED)],
    "missing_jti": [(token(jti=None), GUARDED), (token(jti=""), GUARDED), (token(jti=7), GUARDED)],
    "token_revoked": [(token(), HEALTHY.with_value("verifier.revoked", value=True))],
}
"""What only a verifier refuses that knobs have made stricter."""


def test_every_reject_reason_is_covered_here() -> None:
    assert {*DEFECTS, *LATER} == set(REJECT_REASONS)


@pytest.mark.parametrize(
    ("reason", "text", "settings"),
    [(reason, *case) for reason, cases in LATER.items() for case in cases],
    ids=lambda _: "",
)
def test_a_stricter_verifier_refuses_for_a_reason_of_its_own(reason: str, text: str, settings: Settings) -> None:
    assert outcome(text, settings=settings) == reason


def test_a_token_is_not_too_old_at_the_very_end_of_the_age_that_it_may_have() -> None:
    old = token(exp=EPOCH + 1000)
    assert outcome(old, now=300.0, settings=GUARDED) == "authorized"
    assert outcome(old, now=300.001, settings=GUARDED) == "token_too_old"
    assert outcome(old, now=300.001) == "authorized"
    ahead = GUARDED.with_value("verifier.clock_ahead", 1.0)
    assert outcome(old, now=299.5, settings=ahead) == "token_too_old"


STRICT = HEALTHY.with_value("verifier.requires_session", value=True)


def test_a_verifier_may_require_a_session_and_a_device() -> None:
    assert outcome(token(), settings=STRICT) == "invalid_claims"
    assert outcome(token(oa_session_id="s"), settings=STRICT) == "invalid_claims"
    assert outcome(token(oa_session_id="s", oa_device_id=1), settings=STRICT) == "invalid_claims"
    assert outcome(token(oa_session_id="s", oa_device_id="d"), settings=STRICT) == "authorized"


def test_a_verifier_may_take_the_user_id_for_a_number() -> None:
    typed = HEALTHY.with_value("verifier.numeric_user_id", value=True)
    assert outcome(token(oa_user_id="7"), settings=typed) == "invalid_token"
    assert outcome(token(oa_user_id=True), settings=typed) == "invalid_token"
    assert outcome(token(), settings=typed) == "invalid_token"
    assert outcome(token(oa_user_id=7), settings=typed) == "authorized"


def test_age_id_and_revocation_are_looked_at_last_and_in_this_order() -> None:
    settings = GUARDED.with_value("verifier.revoked", value=True)
    old = {"iat": EPOCH - 400, "nbf": EPOCH - 400}
    assert outcome(token(**old, jti=None, aud="drifted"), settings=settings) == "claim_mismatch"
    assert outcome(token(**old, jti=None), settings=settings) == "token_too_old"
    assert outcome(token(jti=None), settings=settings) == "missing_jti"
    assert outcome(token(), settings=settings) == "token_revoked"


def test_a_remembered_token_is_judged_anew_by_a_verifier_that_has_become_stricter() -> None:
    verifier, text = Verifier(RUN, EPOCH), token()
    assert outcome(text, verifier=verifier) == "authorized"
    assert outcome(text, settings=STRICT, verifier=verifier) == "invalid_claims"
    assert outcome(text, verifier=verifier) == "authorized"


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, texts in DEFECTS.items() for text in texts], ids=lambda _: ""
)
def test_a_defective_token_is_refused_for_its_own_reason(reason: str, text: str | None) -> None:
    assert outcome(text) == reason


def test_a_good_token_is_accepted() -> None:
    assert outcome(token()) == "authorized"
    assert outcome(sign(json.dumps(claims()).encode())) == "authorized"


def test_what_was_read_of_a_token_once_lets_it_in_nowhere_else() -> None:
    assert outcome(token()) == "authorized"
    assert outcome(token(), verifier=Verifier(b"another run", EPOCH)) == "invalid_signature"
    drifted = HEALTHY.with_value("verifier.current_kid", "sync-auth-v2")
    assert outcome(token(), settings=drifted) == "unknown_kid"


@settings(deadline=None)
@given(st.integers(0, 2000), st.characters(codec="utf-8") | st.sampled_from("=. \x00"))
def test_a_token_with_one_character_changed_is_refused_whatever_it_is(place: int, character: str) -> None:
    good = token()
    place %= len(good)
    changed = good[:place] + character + good[place + 1 :]
    assert (outcome(changed) in REJECT_REASONS) is (changed != good)


LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("missing_kid", {"kid": None}),
    ("unknown_kid", {"kid": "sync-auth-v2"}),
    ("invalid_signature", {"key": OTHER_KEY}),
    ("invalid_claims", {"sub": ""}),
    ("token_expired", {"exp": EPOCH - 5}),
    ("token_not_yet_valid", {"nbf": EPOCH + 1000}),
    ("claim_mismatch", {"aud": "drifted"}),
]
"""One defect for each check of a signed token, in the order of the checks."""


@pytest.mark.parametrize(
    ("earlier", "later"), [*itertools.combinations(LAYERS, 2)], ids=lambda layer: layer[0].replace("_", "-")
)
def test_of_two_defects_the_one_that_is_checked_earlier_surfaces(
    earlier: tuple[str, dict[str, Any]], later: tuple[str, dict[str, Any]]
) -> None:
    assert outcome(token(**{**later[1], **earlier[1]})) == earlier[0]


def test_the_encoding_is_checked_before_the_header() -> None:
    assert outcome(f"{segment([1])}.{segment(claims())}.!") == "invalid_token_encoding"


def test_the_algorithm_is_checked_before_the_key_id() -> None:
    assert outcome(assemble({"alg": "none"}, claims())) == "unsupported_alg"


def test_a_token_that_ends_before_it_begins_is_refused_after_its_other_times() -> None:
    """An end in the past is an expiry, a start too far ahead is not yet valid; only then the two are compared."""
    assert outcome(token(iat=EPOCH + 20, nbf=EPOCH, exp=EPOCH - 1)) == "token_expired"
    assert outcome(token(iat=EPOCH + 100, nbf=EPOCH, exp=EPOCH + 50)) == "token_not_yet_valid"
    assert outcome(token(iat=EPOCH + 20, nbf=EPOCH, exp=EPOCH + 10)) == "invalid_claims"
    assert outcome(token(iat=EPOCH + 20, exp=EPOCH + 20, aud="drifted")) == "invalid_claims"


# --- expiry to the second, and 30 s of leeway for a clock that runs behind


def test_a_token_is_good_until_its_last_moment() -> None:
    assert outcome(token(), now=299.999) == "authorized"


def test_a_token_has_expired_at_the_very_second_of_its_end() -> None:
    assert outcome(token(), now=300.0) == "token_expired"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_start_may_lie_thirty_seconds_ahead_and_not_one_more(claim: str) -> None:
    assert outcome(token(**{claim: EPOCH + 30})) == "authorized"
    assert outcome(token(**{claim: EPOCH + 31})) == "token_not_yet_valid"
    assert outcome(token(**{claim: EPOCH + 31}), now=0.999) == "token_not_yet_valid"
    assert outcome(token(**{claim: EPOCH + 31}), now=1.0) == "authorized"


def test_without_a_start_of_its_own_a_token_starts_when_it_was_issued() -> None:
    assert outcome(token(nbf=None)) == "authorized"
    assert outcome(token(nbf=None, iat=EPOCH + 31)) == "token_not_yet_valid"
    signed_null = jwt.PyJWS().encode(
        json.dumps({**claims(), "nbf": None}).encode(), KEY, algorithm="HS256", headers={"kid": "sync-auth-v1"}
    )
    assert outcome(signed_null) == "authorized"


def test_a_verifier_whose_clock_runs_ahead_refuses_early() -> None:
    ahead = HEALTHY.with_value("verifier.clock_ahead", 300.0)
    assert outcome(token(), settings=ahead) == "token_expired"


def test_a_verifier_whose_clock_runs_behind_refuses_beyond_its_leeway() -> None:
    assert outcome(token(), settings=HEALTHY.with_value("verifier.clock_behind", 30.0)) == "authorized"
    assert outcome(token(), settings=HEALTHY.with_value("verifier.clock_behind", 31.0)) == "token_not_yet_valid"


# --- a list or a CSV text


def test_a_csv_text_is_taken_apart_and_trimmed() -> None:
    text = token(oa_sync_scopes=" a , b,,c ")
    assert Verifier(RUN, EPOCH).verify(0.0, text, HEALTHY).scopes == ("a", "b", "c")


def test_what_is_not_text_in_a_list_is_passed_over() -> None:
    text = token(oa_sync_scopes=["a", 1, None, " b "])
    assert Verifier(RUN, EPOCH).verify(0.0, text, HEALTHY).scopes == ("a", "b")


def test_an_audience_may_be_one_of_a_list() -> None:
    assert outcome(token(aud=["another", "openagents-sync"])) == "authorized"


# --- a current and a previous key

ROTATED = (
    HEALTHY.with_value("verifier.current_kid", "k2")
    .with_value("verifier.current_secret", "s2")
    .with_value("verifier.previous_kid", "sync-auth-v1")
    .with_value("verifier.previous_secret", "sync-auth-v1")
)


def test_the_previous_key_is_accepted_beside_the_current_one() -> None:
    assert outcome(token(), settings=ROTATED) == "authorized"
    assert outcome(token(derive_key(RUN, "s2"), "k2"), settings=ROTATED) == "authorized"


def test_a_key_is_good_under_its_own_id_only() -> None:
    assert outcome(token(derive_key(RUN, "s2"), "sync-auth-v1"), settings=ROTATED) == "invalid_signature"


def test_without_a_previous_key_the_empty_id_names_none() -> None:
    assert outcome(token(derive_key(RUN, ""), "")) == "missing_kid"


def test_another_runs_key_of_the_same_name_does_not_fit() -> None:
    assert outcome(token(derive_key(b"another run", "sync-auth-v1"))) == "invalid_signature"


# --- a verifier remembers signatures, and nothing that may change


def test_a_remembered_token_still_expires() -> None:
    verifier, text = Verifier(RUN, EPOCH), token()
    assert outcome(text, 299.0, verifier=verifier) == "authorized"
    assert outcome(text, 300.0, verifier=verifier) == "token_expired"


def test_a_remembered_token_becomes_valid_in_time() -> None:
    verifier, text = Verifier(RUN, EPOCH), token(nbf=EPOCH + 100)
    assert outcome(text, 0.0, verifier=verifier) == "token_not_yet_valid"
    assert outcome(text, 70.0, verifier=verifier) == "authorized"


def test_a_remembered_token_meets_the_claims_that_are_expected_now() -> None:
    verifier, text = Verifier(RUN, EPOCH), token()
    other = HEALTHY.with_value("verifier.audience", "another")
    assert outcome(text, verifier=verifier) == "authorized"
    assert outcome(text, settings=other, verifier=verifier) == "claim_mismatch"
    assert outcome(text, verifier=verifier) == "authorized"


def test_a_key_that_is_loaded_later_makes_a_refused_token_good() -> None:
    verifier, text = Verifier(RUN, EPOCH), token(derive_key(RUN, "s2"), "k2")
    loaded = HEALTHY.with_value("verifier.previous_kid", "k2").with_value("verifier.previous_secret", "s2")
    assert outcome(text, verifier=verifier) == "unknown_kid"
    assert outcome(text, settings=loaded, verifier=verifier) == "authorized"
    assert outcome(text, verifier=verifier) == "unknown_kid"


def test_a_secret_that_is_replaced_under_its_id_refuses_a_remembered_token() -> None:
    verifier, text = Verifier(RUN, EPOCH), token()
    replaced = HEALTHY.with_value("verifier.current_secret", "mistyped")
    assert outcome(text, verifier=verifier) == "authorized"
    assert outcome(text, settings=replaced, verifier=verifier) == "invalid_signature"


def test_a_full_memory_is_emptied_and_changes_no_outcome() -> None:
    verifier = Verifier(RUN, EPOCH, remembered=2)
    texts = [token(jti=f"sync_{number}") for number in range(5)]
    assert [outcome(text, verifier=verifier) for text in [*texts, *texts]] == ["authorized"] * 10


def test_a_deeply_nested_header_is_refused_and_does_no_harm() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    assert outcome(f"{deep}.{segment(claims())}.c2ln") == "invalid_header"
    assert outcome(f"{segment(HEADER)}.{deep}.c2ln") == "invalid_token_encoding"
