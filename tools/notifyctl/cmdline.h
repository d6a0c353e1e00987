/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline - the command line of notifyctl: a command, its arguments and options
 *
 * Threads: one.
 */
#ifndef CMDLINE_H
#define CMDLINE_H

#include "base/compiler.h"
#include "notifyctl/ctl.h"

/*
 * cmdline_read(ctl, args, argc, argv):
 * The command; fills ${args} and what ${ctl} has from the command line. Prints
 * an error and exits if something is wrong; exits after --help and --version.
 */
const struct ctl_command *cmdline_read(
    struct ctl *, struct arguments *, int argc, char **argv) WARN_UNUSED;

void cmdline_free(struct arguments *);

#endif
