#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
# not with sanitizer: it is about Postfix
# takes: 60 s
"""notifyctl check: mail from sendmail(1) must pass the listener of the sample,
whole and unchanged, whatever main.cf has for other mail."""
from lib.installation import case, run
from lib.postfix import IN, sample_options
from lib.tap import contains, same

SOCKET = "unix:notify-milter/notify-milter.sock"
LISTENER = f"{IN}/inet"
TRANSPORT = "notify-in/unix"

# What main.cf may have, so that each option of the sample is needed.
HARDENED = {
    "smtp_generic_maps": "static:x@y.example",
    "smtp_header_checks": "static:IGNORE",
    "smtp_mime_header_checks": "static:IGNORE",
    "smtp_nested_header_checks": "static:IGNORE",
    "smtp_body_checks": "static:IGNORE",
    "smtp_tls_security_level": "encrypt",
    "smtp_tls_wrappermode": "yes",
    "smtp_tls_policy_maps": "static:encrypt",
    "smtp_bind_address": "192.0.2.1",
    "smtp_fallback_relay": "[192.0.2.2]",
    "smtp_discard_ehlo_keywords": "dsn",
    "smtp_discard_ehlo_keyword_address_maps": "static:dsn",
    "smtp_reply_filter": "regexp:{ {/./ 451 no} }",
    "smtp_never_send_ehlo": "yes",
}
HARDENED_SMTPD = {
    "mynetworks": "192.0.2.0/24",
    "smtpd_client_restrictions": "reject",
    "smtpd_helo_restrictions": "reject",
    "smtpd_sender_restrictions": "reject",
    "smtpd_relay_restrictions": "reject",
    "smtpd_recipient_restrictions": "reject",
    "smtpd_data_restrictions": "reject",
    "smtpd_end_of_data_restrictions": "reject",
    "smtpd_recipient_limit": "50",
    "smtpd_tls_security_level": "encrypt",
    "smtpd_discard_ehlo_keywords": "dsn",
    "smtpd_discard_ehlo_keyword_address_maps": "static:dsn",
    "smtpd_command_filter": "regexp:{ {/x/ y} }",
}


def left_out(s, service, name, **main):
    s.main(**main)
    s.master()
    s.edit("-PX", f"{service}/{name}")
    s.apply(s.has("error", name))
    same([f for f in s.check()[1] if name in f["what"]], [],
         f"findings about {name} after the fix")


@case("a main.cf for other mail changes nothing of mail from sendmail(1)")
def _(s):
    s.main(**HARDENED, **HARDENED_SMTPD)
    same([f for f in s.check()[1] if "notify-in" in f["what"]
          or "10028" in f["what"]], [], "findings")


@case("each option of the transport that is left out is found, and the fix "
      "works")
def _(s):
    for name, value in {**HARDENED, "smtp_line_length_limit": "998"}.items():
        left_out(s, TRANSPORT, name, **{name: value})


@case("each option of the listener that is left out is found, and the fix "
      "works")
def _(s):
    for name, value in HARDENED_SMTPD.items():
        left_out(s, LISTENER, name, **{name: value})
    left_out(s, LISTENER, "smtpd_reject_unlisted_recipient")
    left_out(s, LISTENER, "receive_override_options")


@case("what main.cf needs for the transport is found, and the fix works")
def _(s):
    for name, value in (("_destination_recipient_limit", "50"),
                        ("_destination_rate_delay", "1s"),
                        ("_transport_rate_delay", "1s")):
        s.main(**{f"notify-in{name}": value})
        s.fixed("error", f"notify-in{name} = {value}")


@case("pickup's options are found to be missing, and the fix works")
def _(s):
    for value in ("no_milters", "no_address_mappings"):
        s.edit("-P", f"pickup/unix/receive_override_options={value}")
        s.fixed("error", "pickup/unix lacks no_")


@case("without the listener there is one finding, and its commands make all "
      "of it")
def _(s):
    for gone in (("-PX", "pickup/unix/content_filter"),
                 ("-MX", TRANSPORT), ("-MX", LISTENER)):
        s.master()
        s.edit(*gone)
        finding = s.fixed("error", "does not pass a listener")
        contains(finding["fix"], "notify-in:[127.0.0.1]:10028", "the fix")
    text = "\n".join(s.options(TRANSPORT))
    for option in sample_options("notify-in"):
        contains(text, option, "options of the transport")
    text = "\n".join(s.options(LISTENER))
    for name in [one.split("=")[0] for one in sample_options(IN)
                 if "xclient" not in one]:
        contains(text, name + "=", "options of the listener")


@case("a transport to the listener that other mail takes too is found, and the "
      "fix leaves that as it is")
def _(s):
    option = "smtp_header_checks=static:IGNORE"
    for route in ({}, {"transport_maps": s.table("routes", "b.example x:\n")}):
        name = "x" if route else "smtp"
        s.main(**route)
        s.master("x unix - - y - - smtp\n")
        s.edit("-P", f"{name}/unix/{option}")
        s.edit("-P", f"pickup/unix/content_filter={name}:[127.0.0.1]:10028")
        before = s.options(f"{name}/unix")
        s.fixed("error", f"by {name}, which other mail takes too")
        same(s.options(f"{name}/unix"), before, "the transport")


@case("a milter in non_smtpd_milters is found, and taken out by the fix")
def _(s):
    for value, left in ((SOCKET, ""), (f"{SOCKET}, inet:127.0.0.1:9",
                                       "inet:127.0.0.1:9")):
        s.main(non_smtpd_milters=value)
        contains(s.fixed("error", "non_smtpd_milters names the milter")["fix"],
                 f"non_smtpd_milters = {left}".rstrip(), "the fix")
    s.main()
    s.edit("-P", f"cleanup/unix/non_smtpd_milters={SOCKET}")
    s.fixed("error", "non_smtpd_milters of cleanup/unix names the milter")
    s.main(non_smtpd_milters=SOCKET)
    s.master()
    s.edit("-PX", "pickup/unix/content_filter")
    s.fixed("error", "non_smtpd_milters names the milter")


@case("a default for the macros that tell mail by SMTP is found, and the fix "
      "works")
def _(s):
    s.main(milter_macro_defaults="{client_resolve}=OK, {other}=x")
    contains(s.fixed("error", "milter_macro_defaults")["fix"], "{other}=x",
             "the fix")


@case("header_checks that bypass the listener are found")
def _(s):
    path = s.file("checks", "# x\n/^X-Spam:/ FILTER smtp:[192.0.2.1]:25\n")
    for name in ("header_checks", "body_checks"):
        s.main(**{name: f"regexp:{path}"})
        s.has("warning", name, "FILTER")
        s.main()
        s.edit("-P", f"cleanup/unix/{name}=regexp:{path}")
        s.has("warning", f"{name} of cleanup/unix", "FILTER")
        s.master()
    path = s.file("checks", "/^X-Spam:/ PREPEND X-Filter: redirect\n")
    s.main(header_checks=f"regexp:{path}")
    s.sound()


@case("mail from a second pickup, or from qmqpd, that does not pass the listener "
      "is found; the fix works")
def _(s):
    for line in ("pickup2 unix n - y 60 1 pickup", "628 inet n - y - - qmqpd",
                 "628 inet n - y - - qmqpd -o content_filter=x:[127.0.0.1]:9",
                 "628 inet n - y - - qmqpd -o content_filter=notify-in:"
                 "[127.0.0.1]:10028 -o receive_override_options=no_milters"):
        s.master(line + "\n")
        s.fixed("error", line.split()[0], "does not pass")


@case("a cleanup of another name whose non_smtpd_milters names the milter is "
      "found, and the fix works")
def _(s):
    s.master("second unix n - y - 0 cleanup\n  -o non_smtpd_milters=inet:[::1]:9,"
             "unix:notify-milter/notify-milter.sock\n")
    s.edit("-P", "pickup/unix/cleanup_service_name=second")
    s.fixed("error", "non_smtpd_milters of second/unix")


run()
