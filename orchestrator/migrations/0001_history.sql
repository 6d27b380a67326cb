-- SPDX-License-Identifier: BSD-2-Clause
-- The history of runs. Every row is a function of the files that `sources`
-- names; an id is a hash of what the row is of, so that the same files give the
-- same rows, whenever and in whichever order they are read.

-- A run's event log by the run's name, or the file of acknowledgements.
CREATE TABLE sources (
    name    TEXT   NOT NULL PRIMARY KEY,
    bytes   BIGINT NOT NULL, -- its length when it was read
    trouble TEXT             -- what of it is not here, and why
);

CREATE TABLE runs (
    id           BIGINT NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL UNIQUE REFERENCES sources (name) ON DELETE CASCADE,
    orchestrator TEXT   NOT NULL,
    started_us   BIGINT NOT NULL,  -- since 1970, as every time here
    duration_s   DOUBLE PRECISION, -- NULL for a run whose end is not in its log
    result       TEXT   NOT NULL,  -- its exit status, in a word
    interrupted  TEXT              -- the signal that ended it early
);

-- What each VM of a run was to do, in order.
CREATE TABLE planned (
    run_id   BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    target   TEXT   NOT NULL,
    category TEXT   NOT NULL,
    PRIMARY KEY (run_id, position)
);
CREATE INDEX planned_target ON planned (target, run_id);

-- What the speed of a VM depends on. What is not known is empty or 0.
CREATE TABLE fingerprints (
    id         TEXT   NOT NULL PRIMARY KEY,
    os         TEXT   NOT NULL,
    os_release TEXT   NOT NULL,
    arch       TEXT   NOT NULL,
    cpu_model  TEXT   NOT NULL,
    cpus       BIGINT NOT NULL,
    memory_mib BIGINT NOT NULL,
    kernel     TEXT   NOT NULL
);

CREATE TABLE vms (
    id           BIGINT NOT NULL PRIMARY KEY,
    run_id       BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position     BIGINT NOT NULL,
    name         TEXT   NOT NULL,
    address      TEXT   NOT NULL,
    fingerprint  TEXT   REFERENCES fingerprints (id), -- NULL where it was not reached
    started_us   BIGINT,
    duration_s   DOUBLE PRECISION,
    outcome      TEXT,                                -- NULL where its end is not in the log
    broken_in    TEXT,                                -- the stage
    cause_what   TEXT,
    cause_tried  TEXT,
    cause_advice TEXT,
    passed       BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    skipped      BIGINT NOT NULL,
    UNIQUE (run_id, name)
);
CREATE INDEX vms_name ON vms (name, run_id);
CREATE INDEX vms_fingerprint ON vms (fingerprint);

-- Every attempt at a stage, in order.
CREATE TABLE stages (
    vm_id        BIGINT  NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
    position     BIGINT  NOT NULL,
    stage        TEXT    NOT NULL,
    attempt      BIGINT  NOT NULL,
    started_us   BIGINT  NOT NULL,
    duration_s   DOUBLE PRECISION, -- NULL where its end is not in the log
    cause_what   TEXT,             -- NULL where it did not fail
    cause_tried  TEXT,
    cause_advice TEXT,
    will_retry   BOOLEAN NOT NULL,
    PRIMARY KEY (vm_id, position)
);

-- Every attempt at a target, in order.
CREATE TABLE targets (
    id         BIGINT  NOT NULL PRIMARY KEY,
    vm_id      BIGINT  NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
    position   BIGINT  NOT NULL,
    target     TEXT    NOT NULL,
    planned    TEXT    NOT NULL,
    attempt    BIGINT  NOT NULL, -- counted from 1
    counts     BOOLEAN NOT NULL, -- whether no later attempt took its place
    outcome    TEXT,             -- NULL where its end is not in the log
    duration_s DOUBLE PRECISION,
    UNIQUE (vm_id, position)
);

CREATE TABLE tests (
    target_id  BIGINT NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    position   BIGINT NOT NULL,
    test       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    category   TEXT,
    outcome    TEXT   NOT NULL,
    duration_s DOUBLE PRECISION NOT NULL,
    filter     TEXT,
    expected   BIGINT,
    actual     BIGINT,
    message    TEXT,
    PRIMARY KEY (target_id, position)
);

-- The device's counters, when they were read first and last for a target.
CREATE TABLE counters (
    target_id   BIGINT NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    first_value BIGINT NOT NULL,
    last_value  BIGINT NOT NULL,
    PRIMARY KEY (target_id, name)
);

-- What can be compared from run to run.
CREATE TABLE series (
    id          BIGINT NOT NULL PRIMARY KEY,
    fingerprint TEXT   NOT NULL REFERENCES fingerprints (id),
    vm          TEXT   NOT NULL,
    benchmark   TEXT   NOT NULL,
    workload    TEXT   NOT NULL,
    connections BIGINT NOT NULL,
    unit        TEXT   NOT NULL,
    better      TEXT   NOT NULL
);
CREATE INDEX series_fingerprint ON series (fingerprint);

-- What a run measured, of the attempt that counts.
CREATE TABLE points (
    series_id BIGINT NOT NULL REFERENCES series (id),
    run_id    BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    target    TEXT   NOT NULL,
    median    DOUBLE PRECISION NOT NULL,
    samples   TEXT   NOT NULL, -- all of them in order, a JSON array
    PRIMARY KEY (series_id, run_id)
);
CREATE INDEX points_run ON points (run_id);

-- Changes that a person has seen, of series that may have no point any more.
CREATE TABLE acks (
    source      TEXT   NOT NULL REFERENCES sources (name) ON DELETE CASCADE,
    position    BIGINT NOT NULL,
    fingerprint TEXT   NOT NULL,
    vm          TEXT   NOT NULL,
    benchmark   TEXT   NOT NULL,
    workload    TEXT   NOT NULL,
    connections BIGINT NOT NULL,
    unit        TEXT   NOT NULL,
    better      TEXT   NOT NULL,
    run         TEXT   NOT NULL, -- the first after the change
    who         TEXT   NOT NULL,
    time_us     BIGINT NOT NULL,
    note        TEXT   NOT NULL,
    PRIMARY KEY (source, position)
);
