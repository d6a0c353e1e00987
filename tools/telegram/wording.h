/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wording - which of two forms of a text says more
 *
 * Threads: any.
 */
#ifndef WORDING_H
#define WORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct richtext;

/*
 * wording_plain_suffices(plain, html, room):
 * Does the plain text say what the HTML says? Its words count, not their order;
 * it has an address if the HTML has links, and the numbers of the HTML, or some
 * of its own; and it is not longer than ${room} UTF-16 code units, unless the
 * HTML is, too. Or else, has it far more words of its own, and does not only
 * say that there is HTML?
 */
bool wording_plain_suffices(const struct richtext *plain,
    const struct richtext *html, size_t room) WARN_UNUSED;

/* wording_says_more(a, b): has ${a} more different words than ${b}? */
bool wording_says_more(
    const struct richtext *a, const struct richtext *b) WARN_UNUSED;

#endif
