-- SPDX-License-Identifier: BSD-2-Clause
-- Of a measurement also what the reference took beside each sample. Logs may
-- have it that were recorded without: all are read again.

ALTER TABLE points ADD COLUMN reference TEXT; -- a JSON array; NULL where there is none

UPDATE sources SET bytes = -1;
