#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about Postfix
# deep: many runs of check
"""notifyctl check: recipients that Postfix adds after the milter, and headers
that are removed on the way; and their fixes."""
import os

from lib.installation import DOMAIN, SAMPLE, case, run
from lib.tap import contains, same

COPIES = ("always_bcc", "recipient_bcc_maps", "sender_bcc_maps")


def copies(s, name, *addresses):
    """Values of NAME that add ADDRESSES."""
    if name == "always_bcc":
        return addresses[:1]
    pattern = s.file("patterns", "# x\n" + "".join(
        f"/{i}/  {a}\n" for i, a in enumerate(addresses)))
    return (f"static:{addresses[0]}", f"regexp:{pattern}", s.table(
        "copies", "".join(f"u{i}@b.example {a}\n"
                          for i, a in enumerate(addresses))))


@case("recipients that Postfix adds after the milter are found, and the fix is "
      "to name them in always_keep")
def _(s):
    for name in COPIES:
        for value in copies(s, name, "archive@b.example", "all@c.example"):
            s.settings()
            s.main(**{name: value})
            contains(s.fixed("warning", name, value, "archive@b.example")["fix"],
                     "always_keep = ")
    for kept in ("archive@b.example, @c.example", "@b.example all@c.example",
                 "Archive@B.example all@c.example x@y.example"):
        s.settings(always_keep=kept)
        for name in COPIES:
            for value in copies(s, name, "archive@b.example", "all@c.example"):
                s.main(**{name: value})
                s.sound()
    s.settings(always_keep='"a b"@x.example, @y.example')
    s.main(always_bcc="archive", myorigin="b.example")
    contains(s.fixed("warning", "archive@b.example")["fix"],
             'always_keep = "a b"@x.example, @y.example, archive@b.example')


@case("what a map adds is found if it cannot be listed, or if always_keep takes "
      "no such address; the fix removes it")
def _(s):
    pattern = s.file("patterns", "/(.*)@b.example/ $1@archive.example\n")
    for name, value in (("recipient_bcc_maps", f"regexp:{pattern}"),
                        ("sender_bcc_maps", "unix:passwd.byname"),
                        ("always_bcc", f"acme@{DOMAIN}"),
                        ("always_bcc", "a%b@b.example")):
        s.main(**{name: value})
        s.fixed("warning", name, value)
        s.settings(always_keep="archive@b.example")
        s.main(**{name: value})
        s.fixed("note", name, value)
        s.settings()


@case("with unknown_recipients = keep an alias that leads to a user is found, and "
      "the fix works")
def _(s):
    s.ctl("account", "add", "acme", "--owner", "olga@acme.example")
    s.ctl("user", "add", "acme", "ann@acme.example")
    pattern = s.file("patterns", "/^old@/ ann+x@acme.example\n")
    leads = (s.table("aliases", "x@b.example y@b.example, Ann@acme.example\n"),
             s.table("all", "@b.example ann@acme.example\n"),
             f"regexp:{pattern}", "static:ann@acme.example",
             "inline:{ old@acme.example=ann@acme.example }")
    names = ("canonical_maps", "recipient_canonical_maps",
             "virtual_alias_maps", "alias_maps")
    for name in names:
        for value in leads if name == names[0] else leads[:1]:
            s.main(**{name: value})
            s.settings()
            s.sound()               # what is dropped leads nowhere
            s.settings(unknown_recipients="keep")
            contains(s.fixed("warning", name, value, "leads to users: ")["fix"],
                     "unknown_recipients = drop")
    s.settings(unknown_recipients="keep")
    for value in (s.table("ours", "ann@acme.example ann@acme.example\n"
                          "olga@acme.example ann@acme.example\n"),
                  s.table("others", "x@b.example y@b.example\n"
                          "y@b.example z\n"), ""):
        for name in names:
            s.main(**{name: value})
            s.sound()
    s.main(virtual_alias_maps="unix:passwd.byname")
    contains(s.fault("note", "virtual_alias_maps", "may lead to users")["fix"],
             "unknown_recipients = drop")


@case("recipients that one cleanup adds are found, and the fix works there")
def _(s):
    for name in COPIES:
        for value in copies(s, name, "archive@b.example", "all@c.example"):
            for service in ("cleanup/unix", "second/unix"):
                s.settings()
                s.main()
                s.master("second unix n - y - 0 cleanup\n")
                s.edit("-P", "pickup/unix/cleanup_service_name=second")
                s.edit("-P", f"{service}/{name}={value}")
                s.fixed("warning", f"{name} of {service}", "archive@b.example")


@case("checks of the header that the milter adds are found, and the fix works")
def _(s):
    path = s.config + "/checks"
    for action in ("IGNORE", "REPLACE X-A: b", "REDIRECT a@b.example",
                   "DISCARD", "HOLD"):
        s.file("checks", f"/^X-Notify-/ {action}\n")
        s.main(milter_header_checks=f"regexp:{path}")
        s.fixed("error", "milter_header_checks", action)
        s.file("checks", f"/^X-Notify-/ {action}\n")
        s.main()
        s.master("second unix n - y - 0 cleanup\n"
                 f"  -o milter_header_checks=regexp:{path}\n")
        s.edit("-P", "smtp/inet/cleanup_service_name=second")
        s.fixed("error", "milter_header_checks of second/unix", action)
        s.master()
    s.main(milter_header_checks="static:DISCARD")
    s.fixed("error", "milter_header_checks", "DISCARD")
    s.file("checks", "/^X-Spam/ IGNORE\n/^X-Notify/ PREPEND X-A: b\n")
    s.main(milter_header_checks=f"regexp:{path}")
    s.sound()


BACK = ("127.0.0.1:10025 inet n - y - - smtpd\n  -o content_filter=\n"
        "  -o receive_override_options=no_milters\n")


FILTER = "[127.0.0.1]:10024"


def ways(s, transport):
    """Ways to name a filter of TRANSPORT: (for main.cf, for an edit)."""
    to = f"{transport}:{FILTER}"
    inline = f"inline:{{ {{192.0.2.1 = filter {to}}} }}"
    access = "check_client_access "
    yield {"content_filter": to}, ()
    yield {"content_filter": "$scanner", "scanner": to}, ()
    yield {}, ("-P", f"smtp/inet/content_filter={to}")
    yield {"smtpd_client_restrictions": access + inline}, ()
    yield {}, ("-M", "smtp/inet=smtp inet n - y - - smtpd -o "
               f"{{ smtpd_data_restrictions = {access}{inline} }}")
    for kind, text in (("texthash", f"192.0.2.1 FILTER {to}\n"),
                       ("hash", f"192.0.2.1 FILTER {to}\n"),
                       ("regexp", f"/^192/ FILTER  {to}\n")):
        path = s.file("clients", text)
        if kind == "hash":
            s.postmap(f"hash:{path}")
        yield {"smtpd_client_restrictions": f"{access}{kind}:{path}"}, ()


@case("the sample's smtp_header_checks are right at the last hop, and found on "
      "the way to a content filter; the fix leaves them at the last hop")
def _(s):
    checks = "regexp:" + os.path.join(SAMPLE, "smtp_header_checks")
    s.edit("-P", f"smtp/unix/smtp_header_checks={checks}")
    s.sound()
    for transport in ("smtp", "scan"):
        for here in ("main.cf", "master.cf"):
            own = here == "master.cf"
            for main, edit in ways(s, transport):
                s.master(f"{BACK}scan unix - - y - - smtp\n")
                s.main(**main, **({} if own else {
                    "smtp_header_checks": checks}))
                for name in {"smtp", transport} if own else ():
                    s.edit("-P", f"{name}/unix/smtp_header_checks={checks}")
                if edit:
                    s.edit(*edit)
                what = f"{transport} with checks in {here}, {main} {edit}"
                s.fixed("warning", "smtp_header_checks", "X-Notify-Decided")
                same(s.value("smtp/unix", "smtp_header_checks"), checks,
                     f"the last hop; {what}")


@case("a transport that other mail may take, too, is copied for the filter, with "
      "its options and limits")
def _(s):
    checks = "regexp:" + os.path.join(SAMPLE, "smtp_header_checks")
    for route in ({"default_transport": "scan"},
                  {"relay_transport": "scan:[192.0.2.1]"},
                  {"transport_maps": s.table("routes", "b.example scan:\n")},
                  {"sender_dependent_default_transport_maps":
                   "static:scan:[192.0.2.1]"},
                  {"transport_maps": "inline:{ {b.example = scan:} }"},
                  {"sender_dependent_default_transport_maps":
                   f"regexp:{s.file('senders', '/x/  scan:')}"}):
        s.main(content_filter=f"scan:{FILTER}", smtp_header_checks=checks,
               scan_destination_recipient_limit="7", **route)
        s.master(f"{BACK}scan unix - - n - 3 smtp -o smtp_helo_name=x.example\n")
        s.fixed("warning", "smtp_header_checks")
        same(s.value("scan/unix", "smtp_header_checks"), checks, f"{route}")
        same(s.value("notify-filter-scan/unix", "smtp_helo_name"), "x.example",
             "an option of the copy")
        same(s.postconf("-h", "notify-filter-scan_destination_recipient_limit",
                        "content_filter").split(),
             ["7", f"notify-filter-scan:{FILTER}"], "the copy's limit, its use")


@case("a file with checks that another setting names too stays as it is")
def _(s):
    path = s.file("checks", "/^X-Notify/ IGNORE\n")
    s.main(header_checks=f"regexp:{path}")
    s.edit("-P", f"smtp/unix/smtp_header_checks=regexp:{path}")
    s.fixed("error", "header_checks")
    with open(path) as file:
        same(file.read(), "/^X-Notify/ IGNORE\n", "the file")


@case("header checks on the way to a content filter are found, and the fix "
      "works")
def _(s):
    path = s.config + "/checks"
    for program in ("smtp", "lmtp"):
        master = (f"{BACK}scan unix - - y - - {program}\n"
                  f"  -o {program}_header_checks=regexp:{path}\n")
        for line in ("/^X-Notify-/ IGNORE", "/^Message-ID:/ REPLACE X: y",
                     "/^X-Notify-Category/ IGNORE",
                     "/^X-Notify-Account/ IGNORE"):
            s.file("checks", line + "\n")
            s.main(content_filter="scan:[127.0.0.1]:10024")
            s.master(master)
            s.fixed("warning", f"{program}_header_checks of scan/unix",
                    line.split()[1])
            s.main()
            s.file("checks", line + "\n")
            s.sound()           # there is no filter
            s.edit("-P", "smtp/inet/content_filter=scan:[127.0.0.1]:10024")
            s.fixed("warning", f"{program}_header_checks of scan/unix")


@case("a Message-ID that is removed before the milter sees it is found if there "
      "is a content filter, and the fix works")
def _(s):
    path = s.config + "/checks"
    for main in ({"message_drop_headers": "bcc, Message-ID"},
                 {"header_checks": f"regexp:{path}"},
                 {"header_checks": "regexp:{ {/^Message-ID/ REPLACE X-A: b} }"}):
        s.file("checks", "/^message-id:/ IGNORE\n")
        s.master(BACK)
        s.main(**main)
        s.sound()
        s.main(content_filter="smtp:[127.0.0.1]:10024", **main)
        s.fixed("warning", list(main)[0], "Message-ID")


@case("a cleanup that removes what notify-telegram reads, after the milter, is "
      "found if Telegram is in use; the fix works")
def _(s):
    path = s.config + "/checks"
    for option, value in (("header_checks", f"regexp:{path}"),
                          ("message_drop_headers", "x-notify-category"),
                          ("message_drop_headers", "bcc,message-id")):
        s.settings()
        s.file("checks", "/^X-Notify/ IGNORE\n")
        s.main(content_filter="smtp:[127.0.0.1]:10024")
        s.master(f"{BACK}  -o cleanup_service_name=second\n"
                 f"second unix n - y - 0 cleanup\n  -o {option}={value}\n")
        s.sound()
        s.telegram()
        s.fixed("warning", f"{option} of second/unix")


@case("a cleanup of any name is checked, whatever uses it, and the fix works "
      "there")
def _(s):
    for user in ("smtp/inet", "pickup/unix", "628/inet"):
        for name, value, severity, word in (
                ("enable_original_recipient", "no", "error", "= no"),
                ("recipient_delimiter", "-", "warning", "= -"),
                ("message_drop_headers", "bcc,X-Notify-Account", "error",
                 "has X-Notify-Account"),
                ("milter_macro_defaults", "{client_resolve}=OK", "error",
                 "{client_resolve}=OK")):
            s.master("second unix n - y - 0 cleanup\n"
                     f"  -o {name}={value}\n"
                     "628 inet n - y - - qmqpd\n"
                     "  -o content_filter=notify-in:[127.0.0.1]:10028\n"
                     "  -o receive_override_options=no_address_mappings\n")
            s.edit("-P", f"{user}/cleanup_service_name=second")
            s.fixed(severity, f"{name} of second/unix", word)
            s.edit("-P", f"cleanup/unix/{name}={value}")
            s.fixed(severity, f"{name} of cleanup/unix", word)


@case("a header of the milter's that message_drop_headers removes is found, "
      "and the fix works")
def _(s):
    for value in ("X-Notify-Category", "bcc, x-notify-account:",
                  "bcc:X-NOTIFY-Category:return-path", "$mine",
                  "bcc x-notify-decided"):
        s.main(message_drop_headers=value, mine="X-Notify-Category, bcc")
        s.fixed("error", "message_drop_headers has ")
    s.edit("-M", "second/unix=second unix n - y - 0 cleanup -o "
           "{ message_drop_headers = bcc, X-Notify-Category, content-length }")
    s.edit("-P", "pickup/unix/cleanup_service_name=second")
    finding = s.fixed("error", "message_drop_headers of second/unix")
    contains(finding["fix"], "= bcc,content-length'")


@case("header checks of a cleanup of another name are found, and the fix works")
def _(s):
    for action in ("IGNORE", "REPLACE X-A: b", "STRIP", "HOLD"):
        path = s.file("checks", f"/^X-Notify-Account/ {action}\n")
        s.master("second unix n - y - 0 cleanup\n"
                 f"  -o header_checks=pcre:{path}\n"
                 .replace("pcre", "regexp"))
        s.edit("-P", "smtp/inet/cleanup_service_name=second")
        s.fixed("error", "header_checks of second/unix", action)
    s.file("checks", "/^X-Notify/ IGNORE\n")
    s.edit("-P", "smtp/inet/receive_override_options=no_header_body_checks")
    s.sound()


@case("header checks, body checks and access maps that give mail to others are "
      "found")
def _(s):
    path = s.file("checks", "# /x/ BCC a@b.example\n/^X-Spam/ redirect a@b.example\n")
    inline = "inline:{ {x@y.example = BCC a@b.example} }"
    for name in ("header_checks", "mime_header_checks", "nested_header_checks",
                 "body_checks"):
        s.main(**{name: f"regexp:{path}"})
        s.fault("warning", name, "REDIRECT")
        s.main(**{name: "regexp:{ {/^X-Spam/ BCC a@b.example} }"})
        s.fault("warning", name, "BCC")
        s.main()
        s.edit("-P", f"cleanup/unix/{name}=regexp:{path}")
        s.fault("warning", f"{name} of cleanup/unix", "REDIRECT")
        s.master()
    for name in ("smtpd_client_restrictions", "smtpd_recipient_restrictions",
                 "smtpd_end_of_data_restrictions"):
        s.main(**{name: "permit_mynetworks, check_sender_access " + inline})
        s.fault("warning", name, "BCC")
        s.main()
        s.edit("-P", f"smtp/inet/{name}=check_sender_access,regexp:{path}")
        s.fault("warning", f"{name} of smtp/inet", "REDIRECT")
        s.master()
    path = s.file("checks", "/^Subject: redirect/ WARN\n/x/ FILTER x:y\n")
    s.main(smtpd_recipient_restrictions=f"check_sender_access regexp:{path}")
    s.sound()


run()
