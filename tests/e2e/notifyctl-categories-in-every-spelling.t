#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The five categories, those of the operator's own, and how they are named."""
from lib import ctl
from lib.ctl import case
from lib.roster import ANN, BALANCE, CATEGORIES, MIA, OLGA, SERVICES, SUE
from lib.tap import contains, same, true

SPELLINGS = {
    "account-and-agreement": [
        "Account and agreement", "ACCOUNT & AGREEMENT", "account&agreement",
        "account_and_agreement", "Account  -_ and\tagreement "],
    "accounting-documents": ["accounting documents", "Accounting_Documents"],
    "balance-and-payments": [
        "Balance & Payments", "BALANCE_AND_PAYMENTS", "balance--and__payments",
        " balance and payments", "Balance&payments", "balance -&- payments"],
    "scheduled-maintenance": ["SCHEDULED MAINTENANCE"],
    "services": ["Services and services", "services & services", "SERVICES",
                 "services-and-services", "_services_"],
}


def listed(ctl_):
    return {c["slug"]: (c["title"], c["subscriber"], c["telegram"])
            for c in ctl_.json("category", "list")["categories"]}


@case("a new database has the five categories of the contract, no others",
      roster=False)
def _(ctl):
    same(listed(ctl), CATEGORIES, "categories")
    lines = ctl.ok("category", "list").out.splitlines()
    for slug, (title, *flags) in CATEGORIES.items():
        line = next(line for line in lines if line.startswith(slug + " "))
        contains(line, title, "line")
        same([word for word in line.split() if word in ("yes", "no")],
             ["yes" if flag else "no" for flag in flags], f"flags in {line!r}")


@case("a category of the operator's own has the properties that were said")
def _(ctl):
    want = dict(CATEGORIES)
    for slug, flags in (("plain", []), ("open", ["--subscriber"]),
                        ("mirrored", ["--telegram"]),
                        ("both-2", ["--telegram", "--subscriber"])):
        title = f"Title of {slug}"
        ctl.ok("category", "add", slug, "--title", title, *flags)
        want[slug] = (title, "--subscriber" in flags, "--telegram" in flags)
        same(listed(ctl), want, "categories")
        words = ("subscribe", "acme", slug, SUE)
        if want[slug][1]:
            ctl.ok(*words, as_=OLGA)
        else:
            ctl.refused(77, *words, as_=OLGA, says=(SUE, slug))
        ctl.ok("subscribe", "acme", title.upper(), MIA, as_=OLGA)
        true(slug in ctl.user("acme", MIA)[1], f"mia has {slug}")


@case("the owner receives a new category at once")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "Alarms")
    same([(row["address"], row["receives"])
          for row in ctl.json("list", "acme", "alarms")["list"]
          if row["receives"]], [(OLGA, True)], "who gets it")


@case("every spelling of slug and title names the category on the command line")
def _(ctl):
    for slug, spellings in SPELLINGS.items():
        for spelling in (slug, *spellings):
            ctl.ok("subscribe", "acme", spelling, MIA, as_=OLGA)
            same(ctl.user("acme", MIA)[1], {slug}, f"mia after {spelling!r}")
            same({row["category"] for row in
                  ctl.json("list", "acme", spelling)["list"]}, {slug},
                 f"list of {spelling!r}")
            ctl.ok("unsubscribe", "acme", spelling, MIA, "--confirm", MIA,
                   as_=OLGA)
            same(ctl.user("acme", MIA)[1], set(), f"mia after {spelling!r}")


@case("a title in another script is compared without case too")
def _(ctl):
    ctl.ok("category", "add", "changes", "--title", "Änderungen und Störungen")
    for spelling in ("änderungen und störungen", "ÄNDERUNGEN_UND_STÖRUNGEN",
                     "Changes"):
        same({row["category"] for row in
              ctl.json("list", "acme", spelling)["list"]}, {"changes"},
             f"list of {spelling!r}")


@case("a name that only resembles a category is unknown")
def _(ctl):
    for name in ("balance", "balance-and-payment", "balanceandpayments", "",
                 "&", "-", "balance and payments!", "services;services",
                 "Services and services and services", "x" * 3000, "%",
                 "\udcff"):
        for words in (["list", "acme", "--", name],
                      ["subscribe", "acme", "--", name, ANN]):
            ctl.refused(67, *words, as_=OLGA, says="category")


@case("a name that is in use, as slug or title and in any spelling, is "
      "refused")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "Alarms and more")
    for slug, title in ((SERVICES, "Unheard of"), (BALANCE, "Unheard of"),
                        ("alarms", "Unheard of"),
                        ("services-and-services", "Unheard of"),
                        ("alarms-and-more", "Unheard of"),
                        ("unheard-of", "SERVICES"),
                        ("unheard-of", "services_and - services"),
                        ("unheard-of", "Balance & Payments"),
                        ("unheard-of", "accounting_documents"),
                        ("unheard-of", "ALARMS"),
                        ("unheard-of", "alarms&more")):
        ctl.refused(65, "category", "add", slug, "--title", title,
                    says="already")


@case("slug and title may be the same word")
def _(ctl):
    ctl.ok("category", "add", "incidents", "--title", "Incidents")
    same(listed(ctl)["incidents"], ("Incidents", False, False), "category")


@case("a malformed slug or title is refused with 65 and what is expected")
def _(ctl):
    for slug in ("", "a b", "a_b", "A", "ä", "a/b", "a;b", "a,b", "-a", "a-",
                 "a--b", "a.b", "x" * 65, "a\nb"):
        ctl.refused(65, "category", "add", "--title", "Title", "--", slug,
                    says="expected")
    for title in ("", " ", "-_-", "a\nb", "a\tb", "a\x1b[2Jb", "x" * 256,
                  "\udcff", "\u202eabc", "a\u2028b"):
        ctl.refused(65, "category", "add", "new", "--title", title,
                    says="expected")


@case("a category without a title is refused with 64")
def _(ctl):
    ctl.refused(64, "category", "add", "new", says="--title")
    ctl.refused(64, "category", "add", "new", "--title", says="--title")


ctl.run()
