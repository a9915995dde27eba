// Package chaos breaks processes of the built plugin in every way that production does, and expects every event of the queue in
// their answers exactly once. It has only tests.
//
// A run hosts one to three plugin processes in workbenches, against a simulated Carbon Black Cloud, with stores in memory or in
// one PostgreSQL. A script that depends on the seed kills and stops processes, breaks answers, changes settings, stops the
// database and reads the queue from elsewhere, while viewers query each process all the time. No answer may contain an event more
// often than it happened. In the end, every process must answer with exactly what happened.
//
// Some runs read no queue: their processes share an archive and a budget, and answer from the archive and by searches.
//
// A process cannot have another clock than the machine. The chaos tests of package queue cover different clocks:
// they run in one process, hundreds of times.
package chaos
