/**
 * The {@code backstitch} command.
 *
 * <p>{@link org.backstitch.cli.Main} hands the arguments to a {@link org.backstitch.cli.CommandRunner}, which finds the
 * {@link org.backstitch.cli.Subcommand} in the list of {@link org.backstitch.cli.Subcommands}, parses its options, runs it and turns
 * whatever happens into an {@link org.backstitch.cli.ExitStatus} and at most one line on standard error. A command writes through
 * its {@link org.backstitch.cli.Session}, never to {@code System.out}: so a test runs it like a function.
 */
@NullMarked
package org.backstitch.cli;

import org.jspecify.annotations.NullMarked;
