#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about Postfix
# takes: 20 s
"""notifyctl check: faults in main.cf and master.cf, and their fixes."""
import os

from lib.ctl import NOBODY
from lib.installation import DOMAIN, SAMPLE, beside, case, run
from lib.tap import contains, lacks, same

SOCKET = "unix:notify-milter/notify-milter.sock"
OTHER = beside()    # another milter
OTHER6 = beside("::1")


# Lists of milters

@case("a Postfix that does not ask the milter is found, and the fix works")
def _(s):
    for value in ("", s.beside("other/other.sock"), OTHER,
                  f"{OTHER}, {{ {s.beside('x')}, default_action=accept }}"):
        s.main(smtpd_milters=value)
        s.fixed("error", "smtpd_milters does not name")


@case("the milter may be named in any way that leads to its socket")
def _(s):
    for value in (f"local:{SOCKET[5:]}", "unix:/notify-milter/notify-milter"
                  ".sock", f"{OTHER}, {SOCKET}",
                  f"{OTHER} {SOCKET}",
                  f"{{ {SOCKET}, connect_timeout=5s }}, {OTHER6}",
                  "$ours\nours = " + SOCKET):
        s.main(smtpd_milters=value)
        s.sound()


@case("an absolute path is right outside the chroot, and wrong inside")
def _(s):
    s.main(smtpd_milters=f"unix:{s.socket}")
    s.fixed("error", f"smtpd_milters has unix:{s.socket}", "chrooted",
            f"{s.queue}{s.socket}")
    s.main(smtpd_milters=f"unix:{s.socket}")
    s.edit("-F", "*/*/chroot=n")
    s.sound()


@case("a path with a misspelt directory is found, and the fix works")
def _(s):
    s.main(smtpd_milters="unix:notify_milter/notify-milter.sock,"
                         f" {OTHER}")
    s.fixed("error", "smtpd_milters has unix:notify_milter/")


@case("a socket outside the queue directory is an error if Postfix is chrooted")
def _(s):
    s.stop()
    elsewhere = s.ctl.path("elsewhere")
    os.makedirs(elsewhere, exist_ok=True)
    s.settings(socket=f"unix:{elsewhere}/m.sock")
    s.main(smtpd_milters=f"unix:{elsewhere}/m.sock")
    contains(s.has("error", "smtpd_milters", "chrooted", elsewhere)["fix"],
             f"socket = unix:{s.queue}/notify-milter/notify-milter.sock")


@case("a listener with milters of its own is found, and the fix works")
def _(s):
    s.beside("clam/av")
    s.beside("z")
    s.master("submission inet n - y - - smtpd\n"
             f"  -o smtpd_milters={OTHER}\n"
             "465 inet n - n - - smtpd\n  -o smtpd_milters=\n"
             "587 inet n - n - - smtpd\n  -o { smtpd_milters = { unix:clam/av,"
             " default_action = accept } unix:z }\n")
    s.apply(s.has("warning", "submission/inet"))
    finding = s.has("warning", "587/inet")
    contains(finding["fix"], f"= {SOCKET},{{unix:clam/av,default_action=accept}},"
             "unix:z'")
    s.apply(finding)
    s.fixed("warning", "465/inet")


@case("a listener on loopback without milters is no finding")
def _(s):
    s.master("127.0.0.1:2525 inet n - y - - smtpd\n  -o smtpd_milters=\n"
             "[::1]:2525 inet n - y - - smtpd\n"
             "  -o receive_override_options=no_milters\n")
    s.sound()


@case("a Postfix behind postscreen is checked like any other")
def _(s):
    s.edit("-MX", "smtp/inet")
    s.edit("-M", "smtp/inet=smtp inet n - y - 1 postscreen")
    s.edit("-M", "smtpd/pass=smtpd pass - - y - - smtpd")
    s.sound()
    s.edit("-P", "smtpd/pass/smtpd_milters=" + OTHER)
    s.fixed("warning", "smtpd/pass")


@case("a milter that signs before ours is found, and the fix works")
def _(s):
    dkim, rspamd = s.beside("opendkim/opendkim.sock"), s.beside("rspamd/r")
    for signer in (dkim, rspamd, f"{{ {dkim}, default_action=accept }}"):
        s.main(smtpd_milters=f"{signer}, {SOCKET}")
        contains(s.fixed("warning", "smtpd_milters", "seems to sign")["fix"],
                 f"{SOCKET}, {signer}")
    # By their usual ports.
    for signer in ("inet:localhost:11332", "inet:127.0.0.1:8891"):
        s.main(smtpd_milters=f"{signer}, {SOCKET}")
        contains(s.has("warning", "seems to sign")["fix"],
                 f"{SOCKET}, {signer}")
    s.main(smtpd_milters=f"{s.beside('clamav/clamav.sock')} {SOCKET} {dkim}")
    s.sound()


# When the milter is away

@case("a default action that loses or passes mail while the milter is down is "
      "found")
def _(s):
    for action, severity in (("accept", "error"), ("reject", "warning"),
                             ("quarantine", "warning")):
        for spelled in (action, action.capitalize()):   # to Postfix one
            s.main(milter_default_action=spelled)
            s.fixed(severity, f"milter_default_action = {action}")
    s.main(milter_default_action="shutdown")
    s.sound()


@case("the same is found if it is set for this milter or one listener")
def _(s):
    for value in (f"{{ {SOCKET}, default_action=accept }}",
                  f"{{{SOCKET} , connect_timeout=9s,default_action = accept}}",
                  f"{{ {SOCKET} connect_timeout=9s default_action=accept }}",
                  f"{{ {SOCKET}, {{ connect_timeout = 9s }},"
                  " { default_action = accept } }",
                  f"{OTHER}, {{ {SOCKET}, default_action=accept,"
                  " command_timeout=9s }"):
        for action in ("accept", "Accept"):
            s.main(smtpd_milters=value.replace("accept", action))
            s.fixed("error", f"smtpd_milters has default_action={action}")
    s.main()
    s.edit("-P", "smtp/inet/milter_default_action=accept")
    s.fixed("error", "milter_default_action of smtp/inet")


@case("the default action of other milters is no finding")
def _(s):
    s.main(smtpd_milters=f"{SOCKET}, {{ {OTHER},"
                         " default_action=accept }")
    s.sound()
    s.main(smtpd_milters=f"{{ {SOCKET}, default_action=tempfail }}",
           milter_default_action="accept")
    s.sound()


@case("a milter_protocol that Postfix does not support is found, and the fix "
      "works")
def _(s):
    for version in "57":
        s.main(milter_protocol=version)
        s.fixed("error", f"milter_protocol = {version}")
    for version in "2346":
        s.main(milter_protocol=version)
        s.sound()
    s.edit("-P", "smtp/inet/milter_protocol=5")
    s.fixed("error", "milter_protocol of smtp/inet = 5")
    for value in (f"{{ {SOCKET}, protocol=1 }}", f"{{{SOCKET} {{protocol = 1}} }}",
                  f"{OTHER}, {{ {SOCKET}, protocol=1, connect_timeout=9s }}"):
        s.main(smtpd_milters=value)
        finding = s.fixed("error", "smtpd_milters has protocol=1 for the milter")
        contains(finding["fix"], value.replace("1", "6", 1) if OTHER not in value
                 else "protocol=6, connect_timeout=9s }", "the command")
    for value in ("protocol=5, default_action=accept",
                  "default_action=accept, protocol=5"):
        s.main(smtpd_milters=f"{{ {SOCKET}, {value} }}")
        finding = s.has("error", "protocol=5")
        same(s.has("error", "default_action=accept")["fix"], finding["fix"],
             "one command for both")
        s.apply(finding)
        s.sound()
    s.main(smtpd_milters=f"{{ {SOCKET}, protocol=2 }}, {{ {OTHER}, protocol=2 }}")
    s.sound()
    s.main(smtpd_milters=f"{SOCKET}, {{ {OTHER}, protocol=1 }}")
    s.fault("warning", f"smtpd_milters has protocol=1 for {OTHER}")


# Content filters

@case("a listener to which a content filter returns mail, and that runs "
      "milters again, is found; the fix works")
def _(s):
    for more in ("  -o content_filter=\n", "",
                 "  -o content_filter= -o receive_override_options="
                 "no_unknown_recipient_checks\n"):
        s.main(content_filter="smtp-amavis:[127.0.0.1]:10024")
        s.master("127.0.0.1:10025 inet n - y - - smtpd\n"
                 "  -o content_filter=\n" + more)
        s.fixed("warning", "127.0.0.1:10025/inet", "milters again")
    s.master("10026 inet n - y - - smtpd\n  -o content_filter=\n")
    s.fixed("warning", "10026/inet", "milters again")
    for more in ("smtpd_milters=", "receive_override_options=no_milters",
                 "receive_override_options=no_header_body_checks,no_milters"):
        s.master("127.0.0.1:10025 inet n - y - - smtpd\n"
                 f"  -o content_filter= -o {more}\n")
        s.sound()


@case("no_milters where mail arrives is found, and the fix works")
def _(s):
    s.main(receive_override_options="no_milters")
    s.fixed("error", "main.cf")
    s.edit("-P", "smtp/inet/receive_override_options=no_milters")
    s.fixed("error", "smtp/inet")


@case("trusted clients whose mail Postfix does not show to the milter are "
      "found, and the fix works")
def _(s):
    for entry, client in (("127.0.0.0/8 DISABLE", "127.0.0.1"),
                          ("::/64 DISABLE", "::1"),
                          (f"127.0.0.1 {OTHER}", "127.0.0.1")):
        path = s.file("clients", f"{entry}\n")
        s.main(smtpd_milter_maps=f"cidr:{path}")
        finding = s.fault("warning", client, entry.split()[1])
        s.file("clients", f"{finding['fix']}\n{entry}\n")
        s.sound()
        s.main()
        s.file("clients", f"{entry}\n")
        s.edit("-P", f"smtp/inet/smtpd_milter_maps=cidr:{path}")
        finding = s.fault("warning", "smtpd_milter_maps of smtp/inet", client)
        s.file("clients", f"{finding['fix']}\n{entry}\n")
        s.sound()
        s.master()
    s.file("clients", "192.0.2.0/24 DISABLE\n")
    s.main(smtpd_milter_maps=f"cidr:{path}")
    s.sound()


@case("hosts that may say that they are a trusted client are found, and the fix "
      "works")
def _(s):
    for value in ("192.0.2.1", "0.0.0.0/0", "127.0.0.1 192.0.2.0/24",
                  "static:all", "198.51.100.7 $mynetworks"):
        s.main(smtpd_authorized_xclient_hosts=value)
        s.fixed("error", f"smtpd_authorized_xclient_hosts = {value[:5]}")
        if " " not in value:
            s.main()
            s.edit("-P", f"smtp/inet/smtpd_authorized_xclient_hosts={value}")
            s.fixed("error", "smtpd_authorized_xclient_hosts of smtp/inet")
            s.master()
    for value in ("127.0.0.0/8", "127.0.0.1, [::1]"):
        s.main(smtpd_authorized_xclient_hosts=value)
        s.sound()


@case("a milter in front of smtpd_proxy_filter is found")
def _(s):
    s.master("127.0.0.1:10025 inet n - y - - smtpd\n"
             "  -o smtpd_proxy_filter=\n")
    s.edit("-P", "smtp/inet/smtpd_proxy_filter=127.0.0.1:10024")
    s.has("error", "smtp/inet", "smtpd_proxy_filter")


@case("a service that master.cf has twice is found, and the fix keeps the one "
      "that Postfix uses")
def _(s):
    ours = f"smtp inet n - y - - smtpd -o smtpd_milters={SOCKET}"
    for first, last in (
            (ours, "smtp inet n - y - - smtpd"),
            (ours, "smtp inet n - y - - smtpd -o smtpd_milters="),
            (ours, f"smtp inet n - y - - smtpd -o smtpd_milters={SOCKET}\n"
             "  -o {receive_override_options = no_milters}")):
        s.main(smtpd_milters="")
        s.edit("-MX", "smtp/inet")
        s.edit("-M", f"smtp/inet={first}")
        s.edit("-P", f"127.0.0.1:10028/inet/smtpd_milters={SOCKET}")
        s.sound()
        with open(s.config + "/master.cf") as file:
            s.file("master.cf", file.read() + f"\n{last}\n")
        s.apply(s.has("error", "master.cf has smtp/inet more than once"))
        s.apply(s.fault(*{
            "smtpd": ("error", "smtpd_milters does not name"),
            "smtpd_milters=": ("warning", "smtpd_milters of smtp/inet"),
            "no_milters}": ("error", "smtp/inet has no_milters"),
        }[last.split()[-1]]))
        s.sound()
        s.master()
    s.main()
    s.master("cleanup unix n - y - 0 cleanup\n  -o always_bcc=x@b.example\n"
             "cleanup unix n - y - 0 cleanup\n"
             "smtp unix - - y - - smtp -o smtp_helo_name=x.example\n"
             "discard unix - - y - 1 discard\n  -o x=y\n"
             "showq unix n - y - - showq\n")
    s.apply(s.has("error", "master.cf has cleanup/unix"))
    s.fixed("warning", "master.cf has smtp/unix")


# Domains

@case("an account_domain in the wrong address class is found, and the fix "
      "works")
def _(s):
    for value in (f"a.example.com, {DOMAIN}", f"$myhostname {DOMAIN}",
                  DOMAIN, "$accounts b.example\naccounts = " + DOMAIN):
        s.main(mydestination=value)
        s.fixed("error", DOMAIN, "mydestination")
    s.main(virtual_alias_domains=f"b.example {DOMAIN}")
    s.fixed("error", DOMAIN, "virtual_alias_domains")
    table = s.table("virtual", f"{DOMAIN} anything\n")
    s.main(virtual_alias_maps=table)
    contains(s.fault("error", DOMAIN, "virtual_alias_domains")["fix"], DOMAIN)


@case("an account_domain in no address class is found, and the fix works")
def _(s):
    s.main(relay_domains="")
    s.fixed("warning", DOMAIN)
    s.main(relay_domains="$mydestination b.example")
    s.fixed("warning", DOMAIN)
    s.main(relay_domains=s.table("relay", f"{DOMAIN} OK\n"))
    s.sound()
    s.main(relay_domains="example.com")
    s.sound()
    s.main(relay_domains="example.com", parent_domain_matches_subdomains="")
    s.fixed("warning", DOMAIN)


@case("a recipient map without the accounts is found, and the fix works")
def _(s):
    table = s.table("recipients", "x@b.example OK\n")
    s.main(relay_recipient_maps=table)
    s.fixed("error", "relay_recipient_maps", DOMAIN)
    s.main(relay_recipient_maps=s.table("all", f"@{DOMAIN} OK\n"))
    s.sound()
    s.main(relay_domains="", virtual_mailbox_domains=DOMAIN,
           virtual_mailbox_maps=table)
    s.fixed("error", "virtual_mailbox_maps", DOMAIN)
    s.main(relay_recipient_maps=table, smtpd_reject_unlisted_recipient="No")
    s.sound()


@case("a route for account_domain is found")
def _(s):
    for route, severity in (("smtp:[192.0.2.1]", "warning"),
                            ("discard:", "warning"),
                            ("error:5.1.1 no", "error")):
        s.main(transport_maps=s.table("transport", f"{DOMAIN} {route}\n"))
        s.fault(severity, DOMAIN, route)
    s.main(transport_maps=s.table("transport", f"x.{DOMAIN} smtp:\n"))
    s.sound()


@case("a lookup that fails is reported, and nothing is concluded from it")
def _(s):
    missing = f"texthash:{s.config}/nosuch"
    for changes in ({"relay_domains": missing},
                    {"relay_recipient_maps": missing},
                    {"transport_maps": missing},
                    {"header_checks": missing},
                    {"relay_recipient_maps": "nosuchtype:x"}):
        s.telegram()
        s.main(**changes)
        s.fault("note", "lookup in " + list(changes.values())[0], "fails")


@case("without account_domain no address class is needed")
def _(s):
    s.settings(account_domain=None)
    s.main(relay_domains="", relay_recipient_maps="static:x")
    s.sound()


# Rewriting

@case("maps that rewrite recipients are no finding")
def _(s):
    s.main(canonical_maps="static:x@y.example")
    s.sound()
    s.main(masquerade_domains="example.com",
           sender_canonical_maps="static:x@y.example",
           recipient_canonical_maps="socketmap:unix:srs:reverse")
    s.sound()
    s.main(recipient_canonical_maps="tcp:127.0.0.1:10002")
    s.sound()


@case("header checks that remove the tag are found, and the fix works")
def _(s):
    for line in ("/^X-/ IGNORE", "/^X-Notify-Account:/ REPLACE X-A: b",
                 "/^X-Notify-Category/ REJECT no"):
        path = s.file("checks", f"/^Subject:/ REJECT\n{line}\n")
        s.main(header_checks=f"regexp:{path}")
        s.fixed("error", "header_checks", line.split()[1])
    path = s.file("checks", "/^Received:/ IGNORE\n/^X-Notify/ WARN\n")
    s.main(header_checks=f"regexp:{path}")
    s.sound()
    for value in ("static:HOLD", "regexp:{ {/^X-/ IGNORE} }"):
        s.main(header_checks=value)
        s.fixed("error", "header_checks", value.split()[-1].strip("}"))
        s.master("second unix n - y - 0 cleanup\n"
                 "  -o header_checks=static:HOLD\n")
        s.edit("-P", "smtp/inet/cleanup_service_name=second")
        s.fixed("error", "header_checks of second/unix", "HOLD")
        s.master()


@case("a cleanup that tags pass only after the milter may remove them")
def _(s):
    path = s.file("checks", "/^X-Notify/ IGNORE\n")
    s.main(content_filter="smtp-amavis:[127.0.0.1]:10024")
    s.master("127.0.0.1:10025 inet n - y - - smtpd\n  -o content_filter=\n"
             "  -o receive_override_options=no_milters\n"
             "  -o cleanup_service_name=second\n"
             "second unix n - y - 0 cleanup\n"
             f"  -o header_checks=regexp:{path}\n"
             "  -o message_drop_headers=x-notify-category\n")
    s.sound()
    s.edit("-P", "cleanup/unix/mime_header_checks=regexp:" + path)
    s.edit("-P", "cleanup/unix/nested_header_checks=regexp:" + path)
    s.sound()


@case("milter_macro_defaults for a macro that the milter asks for is found, "
      "and the fix works")
def _(s):
    for value in ("{client_resolve}=OK", "client_resolve=OK", "i=x",
                  "{ {auth_type} = PLAIN }", "{ auth_type = PLAIN }",
                  "{daemon_flags}=c, j=host", "j=host {auth_authen}={x}",
                  "{ i = a, b }"):
        s.main(milter_macro_defaults=value)
        finding = s.fixed("error", "milter_macro_defaults has ")
        same("j=host" in finding["fix"], "j=host" in value, finding["fix"])
        s.main()
        if " " not in value:
            s.edit("-P", f"smtp/inet/milter_macro_defaults={value}")
            s.fixed("error", "milter_macro_defaults of smtp/inet")
    s.main(milter_macro_defaults="j=host, {if_name}=i, { v = i }")
    s.sound()


@case("a recipient that Postfix does not tell from another is found, and the "
      "fix works")
def _(s):
    s.main(enable_original_recipient="no")
    s.fixed("error", "enable_original_recipient = no")
    for value in ("-", "+-", "-+", "="):
        s.main(recipient_delimiter=value)
        s.fixed("warning", f"recipient_delimiter = {value}")
    s.main(recipient_delimiter="+")
    s.sound()


@case("several faults at once are all found, each once")
def _(s):
    s.main(smtpd_milters="", milter_default_action="accept", 
           always_bcc="x@y.example",
           relay_domains="")
    s.master("submission inet n - y - - smtpd\n")
    code, found = s.check()
    same(code, 78, "exit")
    what = sorted(f["what"] for f in found)
    same(what, sorted(set(what)), "findings")
    for _ in range(3):
        for finding in s.check()[1]:
            s.apply(finding)
    s.sound()


@case("a command for another Postfix instance names its directory")
def _(s):
    s.main(milter_default_action="accept")
    fix = s.fault("error", "accept")["fix"]
    same(fix, f"postconf -c {s.config} -e 'milter_default_action = tempfail'",
         "the fix")
    lacks(fix, NOBODY)


@case("the tags that header_checks and access maps add are compared with the "
      "roster")
def _(s):
    s.main(header_checks="regexp:" + os.path.join(SAMPLE, "header_checks"),
           smtpd_data_restrictions="check_client_access cidr:"
           + os.path.join(SAMPLE, "client_access"))
    s.sound()
    path = s.file("tags", "# PREPEND X-Notify-Category: no\n"
                  "/^X-A:/ PREPEND X-Notify-Category: invioces\n"
                  "/^X-B:/\n  prepend x-notify-account: nobody\n"
                  "/^X-C:/ PREPEND X-Notify-Account: $1\n"
                  "/^X-D:/ PREPEND X-Notify-Kategory: services\n"
                  "/^X-E:/ PREPEND X-Other: services\n")
    s.main(header_checks=f"regexp:{path}")
    s.has("error", "X-Notify-Category: invioces", f"regexp:{path}")
    s.has("error", "x-notify-account: nobody", f"regexp:{path}")
    s.has("warning", "X-Notify-Kategory", f"regexp:{path}")
    same(len([f for f in s.check()[1] if "tags" in f["what"]]), 3, "findings")


@case("a list of restrictions that adds the tag too late, or too often, is "
      "found")
def _(s):
    table = "check_client_access inline:{ {192.0.2.1=" \
            "PREPEND X-Notify-Category: services} }"
    for name, severity, words in (
            ("smtpd_sender_restrictions", "warning", "for each recipient"),
            ("smtpd_end_of_data_restrictions", "error", "too late")):
        s.main(**{name: table})
        s.has(severity, words, "X-Notify-Category")
    s.main(smtpd_data_restrictions=table)
    s.sound()


@case("a Postfix that does not run is found, and one that is not told from one "
      "that runs is not")
def _(s):
    lock = s.queue + "/pid/master.pid"
    s.lock.close()
    finding = s.fault("warning", f"the Postfix in {s.config} does not run")
    same((finding["fix"], finding["command"]),
         (f"postfix -c {s.config} start", True), "the command")
    os.unlink(lock)             # it has never run
    same(s.fault("warning", "does not run"), finding, "without its file")
    same(os.path.exists(lock), False, "check makes one")
    same([f for f in s.check(user="daemon")[1]
          if "does not run" in f["what"]], [],
         "findings for a user who cannot tell")
    s.main(daemon_directory=s.ctl.folder)       # without a master(8)
    same([f for f in s.check()[1] if "does not run" in f["what"]], [],
         "findings without master(8)")


run()
