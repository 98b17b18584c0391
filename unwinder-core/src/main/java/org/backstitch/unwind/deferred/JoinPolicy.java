package org.backstitch.unwind.deferred;

/** How a late record finds the samples that asked for it. */
public enum JoinPolicy {
    /**
     * By task and cookie (Linux 6.19 and later). A record serves every sample of its entry: those before it, and those between it and
     * the return to user mode, for which the kernel writes no second record.
     */
    COOKIE,
    /**
     * By task and order, as the proposal of 2017 had it: its records carry no cookie. A record serves the samples of its task and
     * event since the last such record, and nothing later. In place of the cookie callers pass the event's identity.
     */
    RFC2017
}
