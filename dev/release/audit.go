package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Audit verifies the checksums of the Go modules and looks for known vulnerabilities in what ships. A check whose database cannot be
// reached is skipped, and the log says so.
func Audit(root string, log io.Writer) error {
	var failed []error
	for _, step := range []struct {
		name  string
		args  []string
		judge func(stdout, stderr string, exit int) (skipped string, err error)
	}{
		{"go mod verify", []string{"go", "mod", "verify"}, judgeVerify},
		{"govulncheck", []string{"go", "tool", "-modfile=dev/tools/go.mod", "govulncheck", "./pkg"}, judgeGovulncheck},
		{"npm audit", []string{"npm", "audit", "--json"}, judgeNpmAudit},
	} {
		var stdout, stderr strings.Builder
		cmd := exec.Command(step.args[0], step.args[1:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, &stdout, &stderr
		exit := 0
		if err := cmd.Run(); err != nil {
			var exited *exec.ExitError
			if !errors.As(err, &exited) {
				return err
			}
			exit = exited.ExitCode()
		}
		skipped, err := step.judge(stdout.String(), stderr.String(), exit)
		word := "ok"
		switch {
		case err != nil:
			word = "FAILED"
			failed = append(failed, fmt.Errorf("%s: %w", step.name, err))
		case skipped != "":
			word = "skipped: " + skipped
		}
		_, _ = fmt.Fprintf(log, "%-16s%s\n", step.name, word) // a broken log does not fail the audit
	}
	return errors.Join(failed...)
}

func judgeVerify(stdout, stderr string, exit int) (skipped string, err error) {
	if exit != 0 {
		return "", errors.New(strings.TrimSpace(stdout + stderr))
	}
	return "", nil
}

// judgeGovulncheck knows exit code 3 as "found", and every other as a failure of the check itself.
func judgeGovulncheck(stdout, stderr string, exit int) (skipped string, err error) {
	switch {
	case exit == 0:
		return "", nil
	case exit != 3 && strings.Contains(stderr, "fetching vulnerabilities"):
		return "the vulnerability database cannot be reached", nil
	}
	return "", errors.New(strings.TrimSpace(stdout + stderr))
}

// npmReport is the answer of npm audit: counts, or the error of the registry.
type npmReport struct {
	Message string `json:"message"`
	Error   *struct {
		Code    string `json:"code"`
		Summary string `json:"summary"`
	} `json:"error"`
	Vulnerabilities map[string]struct {
		Severity string `json:"severity"`
	} `json:"vulnerabilities"`
}

// judgeNpmAudit fails for high and critical findings: the packages build and test the plugin, and only few are bundled.
func judgeNpmAudit(stdout, stderr string, _ int) (skipped string, err error) {
	var r npmReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr))
	}
	if r.Error != nil {
		return "the registry gives no advisories", nil
	}
	var found []string
	for name, v := range r.Vulnerabilities {
		if v.Severity == "high" || v.Severity == "critical" {
			found = append(found, name+" ("+v.Severity+")")
		}
	}
	if len(found) > 0 {
		return "", errors.New(strings.Join(found, ", "))
	}
	return "", nil
}
