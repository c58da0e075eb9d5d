// An internet for tests: network namespaces joined by one process that routes IPv4 packets between
// them, with a home router's NAT (RFC 4787: filtering by endpoint; mapping by endpoint or by
// destination), latency and loss. It serves where the kernel has neither a NAT's tools nor netem;
// it needs root and /dev/net/tun.
//
//   internet LATENCY_MS LOSS_PER_MILLE SEED  SITE...
//   SITE = NAMESPACE,ADDRESS            a host with a public address
//        | NAMESPACE,INSIDE,OUTSIDE,nat the host INSIDE behind a router whose address is OUTSIDE
//        | NAMESPACE,INSIDE,OUTSIDE,symmetric
//
// Prints "ready" when all interfaces are up; ends with its stdin. Lines on it: "block I J" drops
// what site I sends to site J from then on, counted from 0, "open" nothing any more. UDP and TCP
// are translated, all else between hosts is dropped, as such routers do with what nobody asked for.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace {

using Endpoint = std::pair<uint32_t, uint16_t>;
using Key = std::tuple<uint8_t, uint32_t, uint16_t, uint32_t, uint16_t>;

struct Site {
  std::string name;
  uint32_t inside = 0, outside = 0;
  bool nat = false, symmetric = false;
  int tun = -1;
  uint16_t next_port = 20000;
  std::map<Key, uint16_t> ports;                                  // from inside to outside port
  std::map<std::pair<uint8_t, uint16_t>, Endpoint> owners;        // outside port to inside
  std::map<std::pair<uint8_t, uint16_t>, std::set<Endpoint>> contacted;
};

struct Waiting {
  int64_t due_us;
  uint64_t order;
  int tun;
  std::vector<uint8_t> packet;
  bool operator<(const Waiting& other) const {
    return due_us != other.due_us ? due_us > other.due_us : order > other.order;
  }
};

int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void Die(const std::string& what) {
  perror(what.c_str());
  exit(1);
}

void Run(const std::string& command) {
  if (system(command.c_str()) != 0) Die(command);
}

std::string Text(uint32_t address) {
  in_addr in{htonl(address)};
  char buffer[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &in, buffer, sizeof buffer);
}

// A TUN interface belongs to the namespace in which it was made.
void Open(Site& site) {
  const std::string path = "/run/netns/" + site.name;
  const int home = open("/proc/self/ns/net", O_RDONLY);
  const int target = open(path.c_str(), O_RDONLY);
  if (home < 0 || target < 0 || setns(target, CLONE_NEWNET) != 0) Die(path);
  site.tun = open("/dev/net/tun", O_RDWR);
  if (site.tun < 0) Die("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(request.ifr_name, "wan", IFNAMSIZ - 1);
  if (ioctl(site.tun, TUNSETIFF, &request) != 0) Die("TUNSETIFF");
  // /24, so that a host takes others with such an address for neighbours, as on a real LAN.
  Run("ip addr add " + Text(site.inside) + "/24 dev wan && ip link set wan mtu 1400 up && "
      "ip link set lo up && ip route add default dev wan");
  if (setns(home, CLONE_NEWNET) != 0) Die("setns");
  close(home);
  close(target);
}

uint16_t Get16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
uint32_t Get32(const uint8_t* at) {
  return static_cast<uint32_t>(Get16(at)) << 16 | Get16(at + 2);
}
void Put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
void Put32(uint8_t* at, uint32_t value) {
  Put16(at, static_cast<uint16_t>(value >> 16));
  Put16(at + 2, static_cast<uint16_t>(value));
}

uint32_t Add(const uint8_t* data, size_t size, uint32_t sum) {
  for (size_t i = 0; i + 1 < size; i += 2) sum += Get16(data + i);
  return size % 2 != 0 ? sum + (data[size - 1] << 8) : sum;
}
uint16_t Fold(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

struct Packet {
  uint8_t* bytes;
  size_t size, header;
  uint8_t protocol;
  Endpoint from, to;
};

// False for what such a router does not forward: other protocols, fragments, rubbish.
bool Parse(uint8_t* bytes, size_t size, Packet& packet) {
  if (size < 20 || bytes[0] >> 4 != 4) return false;
  const size_t header = (bytes[0] & 15) * 4u;
  const uint8_t protocol = bytes[9];
  const size_t least = protocol == 6 ? 20 : 8;
  const bool fragment = (Get16(bytes + 6) & 0x3fff) != 0;
  if ((protocol != 6 && protocol != 17) || fragment || size < header + least) return false;
  packet = {bytes, size, header, protocol,
            {Get32(bytes + 12), Get16(bytes + header)},
            {Get32(bytes + 16), Get16(bytes + header + 2)}};
  return true;
}

void Rewrite(const Packet& packet, Endpoint from, Endpoint to) {
  uint8_t* const ip = packet.bytes;
  uint8_t* const load = ip + packet.header;
  const size_t load_size = packet.size - packet.header;
  Put32(ip + 12, from.first);
  Put16(load, from.second);
  Put32(ip + 16, to.first);
  Put16(load + 2, to.second);
  Put16(ip + 10, 0);
  Put16(ip + 10, Fold(Add(ip, packet.header, 0)));
  uint8_t* const checksum = load + (packet.protocol == 6 ? 16 : 6);
  Put16(checksum, 0);
  const uint32_t pseudo = Add(ip + 12, 8, packet.protocol + static_cast<uint32_t>(load_size));
  Put16(checksum, Fold(Add(load, load_size, pseudo)));
}

// The outside endpoint of a packet that leaves a site; the router remembers whom it talked to.
Endpoint Leave(Site& site, const Packet& packet) {
  if (!site.nat) return packet.from;
  const Endpoint to = site.symmetric ? packet.to : Endpoint{0, 0};
  const Key key{packet.protocol, packet.from.first, packet.from.second, to.first, to.second};
  auto [entry, isNew] = site.ports.try_emplace(key, site.next_port);
  if (isNew) ++site.next_port;
  const auto port = std::make_pair(packet.protocol, entry->second);
  site.owners[port] = packet.from;
  site.contacted[port].insert(packet.to);
  return {site.outside, entry->second};
}

// The inside endpoint of a packet that arrives; false when the router drops it.
bool Arrive(Site& site, uint8_t protocol, Endpoint from, Endpoint& to) {
  if (!site.nat) return true;
  const auto port = std::make_pair(protocol, to.second);
  const auto owner = site.owners.find(port);
  if (owner == site.owners.end() || site.contacted[port].count(from) == 0) return false;
  to = owner->second;
  return true;
}

std::vector<Site> Parse(int argc, char** argv) {
  std::vector<Site> sites;
  for (int i = 4; i < argc; ++i) {
    std::vector<std::string> parts{""};
    for (const char* at = argv[i]; *at != 0; ++at) {
      if (*at == ',') parts.emplace_back();
      else parts.back() += *at;
    }
    if (parts.size() != 2 && parts.size() != 4) Die(argv[i]);
    Site site;
    site.name = parts[0];
    site.inside = ntohl(inet_addr(parts[1].c_str()));
    site.outside = parts.size() == 2 ? site.inside : ntohl(inet_addr(parts[2].c_str()));
    site.nat = parts.size() == 4;
    site.symmetric = site.nat && parts[3] == "symmetric";
    sites.push_back(site);
  }
  return sites;
}

}  // namespace

using Blocked = std::set<std::pair<size_t, size_t>>;

// Reads what stdin has; false when the test is gone.
bool Obey(Blocked& blocked) {
  static std::string line;
  char bytes[4096];
  const ssize_t size = read(0, bytes, sizeof bytes);
  if (size <= 0) return false;
  line.append(bytes, static_cast<size_t>(size));
  for (size_t end; (end = line.find('\n')) != std::string::npos; line.erase(0, end + 1)) {
    size_t from, to;
    if (line.compare(0, end, "open") == 0) blocked.clear();
    if (sscanf(line.c_str(), "block %zu %zu", &from, &to) == 2) blocked.insert({from, to});
  }
  return true;
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const int64_t latency_us = atoll(argv[1]) * 1000;
  const unsigned loss = static_cast<unsigned>(atoi(argv[2]));
  unsigned seed = static_cast<unsigned>(atoi(argv[3]));
  std::vector<Site> sites = Parse(argc, argv);
  for (Site& site : sites) Open(site);
  puts("ready");
  fflush(stdout);

  std::vector<pollfd> polls;
  for (const Site& site : sites) polls.push_back({site.tun, POLLIN, 0});
  polls.push_back({0, POLLIN, 0});
  std::priority_queue<Waiting> waiting;
  Blocked blocked;
  uint64_t order = 0;
  std::vector<uint8_t> buffer(65536);
  for (;;) {
    timespec pause{0, 0};
    const int64_t wait_us = waiting.empty() ? 1000000 : waiting.top().due_us - NowUs();
    if (wait_us > 0) pause = {wait_us / 1000000, wait_us % 1000000 * 1000};
    if (ppoll(polls.data(), polls.size(), &pause, nullptr) < 0) Die("ppoll");
    if (polls.back().revents != 0 && !Obey(blocked)) return 0;
    for (size_t i = 0; i < sites.size(); ++i) {
      if ((polls[i].revents & POLLIN) == 0) continue;
      const ssize_t size = read(sites[i].tun, buffer.data(), buffer.size());
      Packet packet;
      if (size <= 0 || !Parse(buffer.data(), static_cast<size_t>(size), packet)) continue;
      const Endpoint from = Leave(sites[i], packet);
      for (Site& target : sites) {
        Endpoint to = packet.to;
        if (target.outside != to.first || !Arrive(target, packet.protocol, from, to)) continue;
        if (static_cast<unsigned>(rand_r(&seed)) % 1000 < loss) break;
        if (blocked.count({i, static_cast<size_t>(&target - sites.data())}) != 0) break;
        Rewrite(packet, from, to);
        waiting.push({NowUs() + latency_us, ++order, target.tun,
                      std::vector<uint8_t>(buffer.begin(), buffer.begin() + size)});
        break;
      }
    }
    while (!waiting.empty() && waiting.top().due_us <= NowUs()) {
      const Waiting& next = waiting.top();
      if (write(next.tun, next.packet.data(), next.packet.size()) < 0) perror("write");
      waiting.pop();
    }
  }
}
