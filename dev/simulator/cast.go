package simulator

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// scene holds the actor and the subjects that related events share.
type scene struct {
	chance  *rand.Rand
	orgKey  string
	actor   string
	address string
	policy  int
	role    int
	key     int
	device  int
	buffer  []byte
}

// newSubjects draws the subjects of the next events.
func (s *scene) newSubjects() {
	s.policy, s.role = s.chance.IntN(len(policyNames)), s.chance.IntN(len(roleNames))
	s.key, s.device = s.chance.IntN(len(apiIDs)), s.chance.IntN(deviceCount)
}

// setActor sets the actor and the address.
func (s *scene) setActor(by who) {
	switch by {
	case byUser:
		i := s.lowIndex(len(users))
		s.actor, s.address = users[i], userAddresses[i][s.chance.IntN(2)]
		if s.chance.IntN(40) == 0 {
			s.address = s.unknownAddress()
		}
	case byKey:
		s.key = s.lowIndex(len(apiIDs))
		s.actor, s.address = apiIDs[s.key], ""
		if s.chance.IntN(5) < 3 {
			s.address = keyAddresses[s.key]
		}
	case byVendor:
		s.actor, s.address = "VMware employee", ""
	case byDevice:
		s.actor, s.address = devices[s.device].name, ""
	case bySystem:
		s.actor, s.address = "", ""
	case byIntruder:
		s.actor, s.address = users[s.chance.IntN(len(users))], s.unknownAddress()
		if s.chance.IntN(6) == 0 {
			s.actor = triedLogins[s.chance.IntN(len(triedLogins))]
		}
	}
}

// lowIndex prefers low numbers, so that a few people and keys cause most events.
func (s *scene) lowIndex(n int) int {
	r := s.chance.Float64()
	return int(float64(n) * r * r)
}

func (s *scene) unknownAddress() string {
	if s.chance.IntN(5) == 0 {
		return fmt.Sprintf("2001:db8:%x::%x", s.chance.IntN(0x10000), 1+s.chance.IntN(0xffff))
	}
	return fmt.Sprintf("203.0.113.%d", 1+s.chance.IntN(254))
}

var users = []string{
	"alice.moreau@example.com", "bob.okafor@example.com", "carla.rossi@example.com", "dmitri.petrov@example.com", "eve.nakamura@example.com",
	"frank.o'neil@example.com", "grace.hall@example.com", "hugo.silva@example.com", "ines.garcia@example.com", "jon.berg@example.com",
	"kim.lee@example.com", "lars.jensen@example.com", "maria.lopez@example.com", "noah.klein@example.com", "olga.ivanova@example.com",
	"pia.schmidt@example.com", "quinn.walsh@example.com", "raj.patel@example.com", "sara.nilsson@example.com", "tom.baker@example.com",
	"uma.rao@example.net", "victor.dubois@example.net", "wei.zhang@example.net", "zoë.müller@example.net", "soc-automation@example.com",
	"contractor+dfir@example.org",
}

// triedLogins are names that attackers try: nonexistent accounts, and formulas that a spreadsheet would run.
var triedLogins = []string{"admin@example.com", "root@example.com", "test", "=HYPERLINK(\"http://203.0.113.9/\",\"open\")", "' OR '1'='1"}

var apiIDs = []string{"P7QK2ZRTA1", "M4VX8CWLB2", "T9HN3EJSC3", "G2YB6UFDD4", "K8LS5WQPE5", "Z3RD7MXNF6", "A6TC9VHKG7"}

var (
	userAddresses = makeUserAddresses()
	keyAddresses  = []string{"192.0.2.10", "192.0.2.11", "192.0.2.12", "2001:db8:a::10", "192.0.2.14", "192.0.2.15", "2001:db8:a::16"}
	devices       = makeDevices()
)

func makeUserAddresses() [][2]string {
	list := make([][2]string, len(users))
	for i := range list {
		list[i] = [2]string{fmt.Sprintf("198.51.100.%d", 10+i), fmt.Sprintf("10.20.%d.%d", i/8, 100+i)}
		if i%6 == 5 {
			list[i][1] = fmt.Sprintf("2001:db8:beef::%x", 256+i)
		}
	}
	return list
}

const deviceCount = 48

type device struct {
	name, fqdn string
	id         int
}

func makeDevices() []device {
	list := make([]device, deviceCount)
	for i := range list {
		host := fmt.Sprintf("WS-%04d", 1000+37*i)
		list[i] = device{`CORP\` + host, host + ".corp.example.com", 4100200 + 113*i}
		switch i % 4 {
		case 1:
			list[i].name = fmt.Sprintf("mac-%02d.local", i)
		case 2:
			list[i].name = host
		}
	}
	return list
}

var (
	policyNames = []string{
		"Standard", "Monitored", "Advanced", "Servers - Production", "Détection renforcée", "日本支社 標準", "Kiosks, lobby", `Build "nightly"`,
		"VDI", "Contractors", "Finance", "Quarantine 100%",
	}
	roleNames  = []string{"SOC Tier 1", "SOC Tier 2", "Auditor", "Help desk", "Forensics & IR", "API only"}
	grantRoles = []string{"Super Admin", "Administrator", "Read Only"}
	keyNames   = []string{"siem-prod", "siem-test", "soar", "grafana", "backup poller", "inventory", "hunting-notebook"}
	titles     = []string{"Suspicious PowerShell", "Critical alerts, EMEA", "Ransomware – early signs", "Finance's watch", `"Top 10"`, "威胁情报 日报"}
	labels     = []string{"setup.exe", "updater, v2.exe", `tool "beta".exe`, "psexec.exe", "=cmd|' /C calc'!A0", "линейка.exe", "line\nbreak.dll"}
	comments   = []string{"known installer", "asked by finance, ticket 4711", "ok – see chat", "vérifié ✔"}
	reasons    = []string{"file not found", "file in use", "deleted on reboot", "access denied, retry later"}
	versions   = []string{"3.9.1.2451", "4.0.0.1292", "4.0.2.1018", "2.16.1.3"}
)

// filler appends the value of a placeholder.
type filler func([]byte, *scene) []byte

var fillers = map[string]filler{
	"actor":       func(b []byte, s *scene) []byte { return append(b, s.actor...) },
	"org":         func(b []byte, s *scene) []byte { return append(b, s.orgKey...) },
	"orgId":       func(b []byte, _ *scene) []byte { return append(b, "1105"...) },
	"apiId":       func(b []byte, s *scene) []byte { return append(b, apiIDs[s.key]...) },
	"keyName":     func(b []byte, s *scene) []byte { return append(b, keyNames[s.key]...) },
	"policy":      func(b []byte, s *scene) []byte { return append(b, policyNames[s.policy]...) },
	"policyId":    func(b []byte, s *scene) []byte { return strconv.AppendInt(b, int64(6525+s.policy), 10) },
	"otherPolicy": func(b []byte, s *scene) []byte { return append(append(b, policyNames[s.policy]...), " (new)"...) },
	"ruleId":      func(b []byte, s *scene) []byte { return fmt.Appendf(b, "1f8a5e4b-cc4f-4055-b1a5-%012x", s.policy) },
	"role":        func(b []byte, s *scene) []byte { return append(b, roleNames[s.role]...) },
	"roleId":      func(b []byte, s *scene) []byte { return fmt.Appendf(b, "psc:role:%s:ROLE%04d", s.orgKey, s.role) },
	"device":      func(b []byte, s *scene) []byte { return append(b, devices[s.device].name...) },
	"fqdn":        func(b []byte, s *scene) []byte { return append(b, devices[s.device].fqdn...) },
	"deviceId":    func(b []byte, s *scene) []byte { return strconv.AppendInt(b, int64(devices[s.device].id), 10) },
	"deviceIds":   appendDeviceIDs,
	"small":       func(b []byte, s *scene) []byte { return strconv.AppendInt(b, int64(1+s.chance.IntN(9)), 10) },
	"hex32":       func(b []byte, s *scene) []byte { return appendHex(b, s, 32) },
	"sha256":      func(b []byte, s *scene) []byte { return appendHex(b, s, 64) },
	"text16":      func(b []byte, s *scene) []byte { return appendCapitals(b, s, 16) },
	"uuid":        appendUUID,
	"config":      appendForwarder,
	"email":       pick(users),
	"grantRole":   pick(grantRoles),
	"title":       pick(titles),
	"label":       pick(labels),
	"comment":     pick(comments),
	"reason":      pick(reasons),
	"version":     pick(versions),
}

func pick(list []string) filler {
	return func(b []byte, s *scene) []byte { return append(b, list[s.chance.IntN(len(list))]...) }
}

func appendDeviceIDs(b []byte, s *scene) []byte {
	for i := range 1 + s.chance.IntN(4) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(devices[s.chance.IntN(deviceCount)].id), 10)
	}
	return b
}

func appendHex(b []byte, s *scene, digits int) []byte {
	const hex = "0123456789abcdef"
	for digits > 0 {
		bits := s.chance.Uint64()
		for range min(16, digits) {
			b, bits, digits = append(b, hex[bits&15]), bits>>4, digits-1
		}
	}
	return b
}

func appendCapitals(b []byte, s *scene, n int) []byte {
	for range n {
		b = append(b, byte('A'+s.chance.IntN(26)))
	}
	return b
}

func appendUUID(b []byte, s *scene) []byte {
	for i, digits := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			b = append(b, '-')
		}
		b = appendHex(b, s, digits)
	}
	return b
}

// appendForwarder appends the configuration of a data forwarder as JSON.
func appendForwarder(b []byte, s *scene) []byte {
	b = appendUUID(append(b, `{"id":"`...), s)
	return fmt.Appendf(b, `","org_key":"%s","name":"%s forwarder","enabled":%t,"s3_bucket_name":"cbc-%s","s3_prefix":"alerts/","type":"alert",`+
		`"create_time":"2023-10-05T12:00:00Z","update_time":"2024-01-05T12:00:00Z"}`,
		s.orgKey, keyNames[s.key], s.chance.IntN(4) > 0, keyNames[s.key])
}
