#pragma once

#include <array>
#include <string>

// The tables of the state file and how a row is written: one definition for creating, writing,
// checking and upgrading.
namespace sluice::sidecar {

inline constexpr int kSchemaVersion = 2;

struct Table {
  const char* name;
  const char* columns;  // Without the last, row_check over all of these.
  int column_count;
  const char* definition;   // Of the columns and keys.
  bool large_rows = false;  // Then the key is an index beside them.
};

// Nested values are JSON; counters are the message sluice.v1.Counters, with the numbers that people
// ask for in columns of their own.
inline constexpr std::array<Table, 9> kTables = {{
    {"identity", "one, id, version, commits", 4,
     "one INTEGER PRIMARY KEY, id TEXT NOT NULL, version INTEGER NOT NULL, "
     "commits INTEGER NOT NULL, row_check INTEGER NOT NULL"},
    {"runs", "run, epoch, holder, generation, version, activity, body", 7,
     "run TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL, "
     "generation INTEGER NOT NULL, version INTEGER NOT NULL, activity INTEGER NOT NULL, "
     "body TEXT NOT NULL, row_check INTEGER NOT NULL"},
    {"ranks",
     "run, rank, epoch, generation, incarnation, seq, last_step, ended, coalesced, steps, "
     "images_open, images_skipped, counters",
     13,
     "run TEXT NOT NULL, rank INTEGER NOT NULL, epoch INTEGER NOT NULL, "
     "generation INTEGER NOT NULL, incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, "
     "last_step INTEGER NOT NULL, ended INTEGER NOT NULL, coalesced INTEGER NOT NULL, "
     "steps INTEGER NOT NULL, images_open INTEGER NOT NULL, images_skipped INTEGER NOT NULL, "
     "counters BLOB NOT NULL, row_check INTEGER NOT NULL, PRIMARY KEY(run, rank)"},
    {"marks", "run, rank, window_end, step, counters", 5,
     "run TEXT NOT NULL, rank INTEGER NOT NULL, window_end INTEGER NOT NULL, "
     "step INTEGER NOT NULL, counters BLOB NOT NULL, row_check INTEGER NOT NULL, "
     "PRIMARY KEY(run, rank, window_end)"},
    {"windows", "run, serial, first_step, last_step, coverage, directive_version, body", 7,
     "run TEXT NOT NULL, serial INTEGER NOT NULL, first_step INTEGER NOT NULL, "
     "last_step INTEGER NOT NULL, coverage REAL NOT NULL, directive_version INTEGER NOT NULL, "
     "body TEXT NOT NULL, row_check INTEGER NOT NULL, PRIMARY KEY(run, serial)",
     true},
    {"directives", "run, version, body", 3,
     "run TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, "
     "row_check INTEGER NOT NULL, PRIMARY KEY(run, version)"},
    {"journal", "run, serial, step, kind, directive_version, input, outcome, reason", 8,
     "run TEXT NOT NULL, serial INTEGER NOT NULL, step INTEGER NOT NULL, kind TEXT NOT NULL, "
     "directive_version INTEGER NOT NULL, input TEXT NOT NULL, outcome TEXT NOT NULL, "
     "reason TEXT NOT NULL, row_check INTEGER NOT NULL, PRIMARY KEY(run, serial)",
     true},
    {"events", "run, kind, key, step, body", 5,
     "run TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, "
     "body TEXT NOT NULL, row_check INTEGER NOT NULL, PRIMARY KEY(run, kind, key, step)",
     true},
    {"quarantines", "file, reason, acknowledged", 3,
     "file TEXT PRIMARY KEY, reason TEXT NOT NULL, acknowledged INTEGER NOT NULL, "
     "row_check INTEGER NOT NULL"},
}};

// CREATE TABLE of one.
std::string CreateSql(const Table& table);
// INSERT OR REPLACE of a row with a parameter per column; the check is computed.
std::string PutSql(const std::string& table);

}  // namespace sluice::sidecar
