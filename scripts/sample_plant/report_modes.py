"""Failure modes of the English-speaking machines: how often, what technicians write, what they did.

One mode is: machine | component | code | orders per year | trend | median downtime h | median cost; then lines `s:`
(what was reported), `c:` (cause found), `a:` (what was done) and `f:` (for each action the numbers of the causes it
fits, `-` for any). Trend 1 is steady; above 1, the last year has that many times the orders of the first.
"""

MODES = """
= HP-200 | light curtain B31 | E-308 | 13 | 1.0 | 0.4 | 30
s: light curtain trips again|E308 keeps coming, nothing in the way|curtain B31 interrupted after tool change|LT CURTAIN FAULT, slide stops mid strk|front curtain red, no strokes poss.|stops every few parts, E-308|crtn fault since new tool
c: oil mist on front window|drawing oil on lens|misaligned, someone leaned on it|window dirty|bracket bent by trolley
a: cleaned windows w soft cloth, ok|wiped lens both sides, 4 bars signal|realigned B31, tested with rod|cleaned + told operator to use less drw oil|bracket straightened, aligned until 4 bars
f: 013 013 2 01 4
= HP-200 | return filter F1 | E-203 | 9 | 1.0 | 0.9 | 140
s: E-203 filter clogged|filter msg on display again|return fltr blocked alarm|F1 clogged, oil still warm 48C|E203 comes 20 min after start
c: element at end of life|lots of dark sludge in bowl|oil cold in morning|element full, 1100 h
a: repl element HP-F1-1007|new F1 element fitted, bowl 55 Nm, no leak|chg filter, o-ring oiled|warmed oil 20 min, alarm gone|replaced filt element, checked bowl for flakes - none
f: 013 013 013 2 013
= HP-200 | accumulator | E-207 | 6 | 1.3 | 3.2 | 420
s: accum press drops, E-207 every 10 strokes|E207, cushion weak|cushion comes up slowly, E-207|accumulator not holding|ACCU PRESSURE LOW ALARM, press stopped|hyd accu loses press over night
c: precharge only 71 bar|precharge lost, 64 bar N2 measured|V17 not fully closed after service|cushion seal leaking|bladder porous, lost 12 bar in 300 h
a: charged with N2 to 95 bar, ok|precharge topped up 95 bar at 20C, label updated|closed V17, tested 30 strokes ok|new seal kit HP-SK-0631 on cushion, 175 bar test 10 min ok|bladder HP-BL-0320 replaced, charged 95 bar
f: 01 01 2 3 4
= HP-200 | oil cooler | E-221 | 8 | 1.4 | 1.3 | 110
s: oil hot, E-221 after 2 hrs|oil temp 63 deg warning|hyd oil too warm afternoon shift|temp warng E221, fins full of dust|OIL TEMP HIGH|E-221 again, hot day
c: cooler fins blocked by lint|water side scaled|water valve half closed|fast cycle, hot hall
a: blew out fins from inside, temp down to 51|flushed cooler with citric acid 45 min|opened water valve fully|cleaned fins, press speed reduced to 12 mm/s|fins cleaned, ok
f: 0 1 2 3 0
= HP-200 | cooling water thermostat | E-222 | 1.7 | 1.0 | 4.0 | 260
s: pump tripped on oil temp 70|E-222 press dead|shutdown over temp, E-222
c: thermostat stuck closed|thermostat element seized
a: replaced thermostat element HP-TH-0004, oil 49 deg now|new thermostat fitted, flushed, back to prod
f: - -
= HP-200 | main pump P1 | | 7 | 1.6 | 4.5 | 380
s: hyd pmp noisy|pump rattles at start|loud noise frm power unit|P1 howling under load|pmp noise, oil foams in sight glass|hydraulic pump vibrating, getting worse|noisy pump again, operator worried
c: suction flange loose, air|coupling star worn out|brg worn|suction gasket cracked|air in suct line
a: tightened suct flange, bled|repl coupling star HP-CS-0075, tstd ok|repl brg, tstd ok|new gasket suction side, foam gone|coupling star chgd, 15 min unloaded run ok
f: 04 1 2 3 1
= HP-200 | main pump P1 | E-206 | 3 | 1.5 | 9.0 | 2600
s: press not reaching force, E-206|E206 working press only 190 bar|no pressure main circ|slow and weak, 205 bar max at G3
c: V10 dirty, leaking|leakage oil 8 l/min, pump worn|Y5 plug corroded
a: V10 stripped and cleaned, set 265|exchange pump P1 HP-P1-1180 fitted|cleaned plug Y5, ok|pump swapped, oil sample taken, flakes in F1
f: 0 1 2 1
= HP-200 | holding valve V14 | E-209 | 3 | 1.0 | 5.0 | 520
s: slide drifts dwn in upper pos|slide sinks 8 mm over break, E-209|E209 slide creeping
c: V14 cartridge scored|chip under seat of V14|piston seal worn
a: new cartridge HP-V14-020, drift 0.5 mm in 10 min|cartridge V14 repl, struts used|cleaned V14, observe|piston seal replaced, 2 days
f: 0 0 1 2
= HP-200 | hose die cushion | | 5 | 1.0 | 2.4 | 210
s: oil leak under table|hose weeping at cushion|puddle of oil in pit, approx 20 l|HOSE BURST CUSHION LINE|leak rear hose, oil on flr
c: hose chafed to braid|ferrule date 7 yrs old|fitting loose|restraint cable missing, hose rubbed
a: new 2SN DN20 hose, leak test ok|replaced hose + restraint cable|tightened fitting, cleaned pit|hose chgd, topped up 25 l HLP 46
f: 01 03 2 01
= HP-200 | two-hand control | E-306 | 5 | 0.9 | 0.5 | 60
s: two hand not accepted|E306 operator cant start stroke|S12 button sticks|has to press 3 times, E-306
c: contact S12 worn|dirt under button|operator pressing too slow
a: replaced contact block S12|button cleaned, works|explained 0.5 s rule to operator|new contact block both sides
f: 0 1 2 0
= HP-200 | slide encoder | E-404 | 2 | 1.0 | 3.0 | 190
s: pos encoder fault E-404|slide position jumps|E404 no ref
c: toothed belt torn|plug wet with oil
a: new belt HP-TB-0016, ref set|plug dried, sealed w tape|belt repl, reference set again
f: 0 1 0
= HP-200 | rear guard B32 | E-310 | 4 | 1.0 | 0.4 | 35
s: rear guard alarm tho closed|E-310 guard switch|guard door switch no signal
c: actuator bent|hinge sagging
a: actuator straightened|new actuator B32|hinge adjusted 4 mm
f: 0 0 1
= VM-5 | spindle | SPDL-014 | 6 | 1.3 | 3.0 | 340
s: spindle hot, SPDL-014|spindle brg temp alarm 69C|SPDL014 monday morning no warm up|SPINDLE OVERHEAT at 14000 rpm|spndl temp too high again
c: warm-up skipped|chiller fins clogged|chiller water low|bearing preload worn
a: ran 2000 rpm until 41C, told shift to use WARM15|cleaned chiller fins, temp 24 ok|refilled chiller 6 l, alarm gone|vibration measured, spindle cartridge ordered|chiller condenser vacuumed
f: 0 1 2 3 1
= VM-5 | tool changer | ATC-020 | 10 | 1.0 | 1.4 | 90
s: ATC arm stuck half way|ATC-020, arm not in pos|tool changer jam|arm stopped with tool in gripper|atc020 3rd time this wk|TC JAMMED
c: chip in cam box|air 4.6 bar during shift change|sensor gap wrong
a: cranked back 7 turns, cleaned cam box|removed chip, tested 20 changes ok|air pressure raised at regulator, ok|sensor gap reset, 10 changes ok|hand crank to park, cleaned all
f: 0 0 1 2 0
= VM-5 | drawbar | SPDL-031 | 5 | 1.2 | 2.5 | 430
s: tool not clamped, SPDL-031|spdl031 on T12 only|clamp fault, holder fretting marks|chatter then tool not clamped alarm
c: chip in cone|drawbar force 13.8 kN|gripper dry|spring pack tired
a: blew out cone, cleaned holder|spring pack replaced, 17.9 kN now|greased gripper, force 16 kN ok|disc spring pack new, measured 18 kN
f: 0 13 2 13
= VM-5 | coolant through spindle | COOL-007 | 9 | 1.0 | 0.6 | 45
s: coolant flow thru spindle low|COOL-007 flow too small|hp coolant no pressure|iKZ flow alarm|cool007 on drilling op
c: duplex filter full|nozzle plate blocked|suct basket full of fines
a: switched filter, cleaned other element|cleaned nozzle plate|emptied basket + filter swap|duplex lever to clean side, ok
f: 0 1 2 0
= VM-5 | chip conveyor | COOL-009 | 10 | 1.0 | 0.8 | 40
s: chip conv jammed|conveyor stopped, long chips|belt of chip conv stuck|COOL-009 conveyor|chips piling up, conv wont run|CONVEYOR JAM
c: bird nest of alu chips|rag in conveyor|belt link bent|part fell in
a: reversed 3x, pulled chips with hook|removed rag|straightened link, tensioned 20 mm|part removed, runs again
f: 0 1 2 3
= VM-5 | way lubrication | LUBE-010 | 5 | 1.0 | 1.2 | 85
s: lube press not reached|LUBE-010 after refill|no oil on X guide|lub alarm keeps coming back
c: air in line after tank ran dry|distributor leaking|line kinked
a: bled at last distributor till no bubbles|new distributor Y axis|line replaced, manual pulse ok|bled X Y Z, wet guides ok
f: 0 1 2 0
= VM-5 | encoder battery | SERV-062 | 2 | 1.0 | 5.5 | 600
s: SERV-062 after weekend power off|battery alarm axis A|SERV062 + AL.16.1 on amp
c: batteries 6 years old|block removed with power off
a: new batteries, service set reference with laser|battery block repl with control on, AL.9F cleared|new block 3.6 V, ref by service tech
f: 01 0 01
= VM-5 | axis A belt | SERV-104 | 3 | 1.0 | 3.6 | 220
s: following error A|SERV-104 when swivelling|A axis slips
c: belt 48 Hz only|clamp valve slow
a: tensioned to 62 Hz|new belt, 62 Hz, KINCHECK ok|clamp valve cleaned
f: 0 0 1
= VM-5 | hydraulic unit | HYDR-002 | 4 | 1.0 | 2.2 | 180
s: hyd press low, clamp fault|HYDR-002 at start|hyd unit starts every min|pump of clamp unit runs all time
c: C clamp seal leaking|pump worn|fitting loose
a: seal of C clamp replaced|fitting tightened, 105-125 ok|new pump, VM-HF-032 filter too|seal kit clamp, leak line dry
f: 0 2 1 0
= VM-5 | probe | PROB-002 | 4 | 1.0 | 0.5 | 35
s: probe no signal|PROB-002 probe dead|touch prb lost signal in cycle
c: probe battery flat|coolant on receiver
a: new battery in probe|cleaned receiver window, calibrated 50 mm ring|battery + calib ok
f: 0 1 0
= VM-5 | operator door | DOOR-003 | 5 | 1.0 | 0.4 | 30
s: door wont lock|DOOR-003 have to slam door|door bolt alarm
c: bolt full of chips|striker shifted
a: cleaned bolt|striker adjusted 2 mm|cleaned + greased bolt
f: 0 1 0
= PK-3 | glue nozzle | 306 | 15 | 3.2 | 0.7 | 75
s: nozzle blocked again|glue nozzle 2 no bead|306 nozzle|NOZZLE BLOCKED left side|no glue left flap|blocked noz, black bits in glue|nozle clogged, 3rd this week|alarm 306 gluer
c: charred glue|nozzle filter full of dust|recycled board dust|glue kept hot over weekend
a: repl nozzle filter, cleaned noz|new nozzle PK3-NZ-08, 8 Nm|filter PK3-NF-01 chgd|cleaned tank w wax, new filters|swapped nozzle + filter, 5 test beads ok
f: 012 0123 12 03 -
= PK-3 | suction cup | 203 | 12 | 1.2 | 0.4 | 25
s: vac too low at erector|203 vacuum|blanks dropped by arm|cup torn|misses every 5th blank|erector drops cartons, vac -0.4
c: cup torn|vac filter full|ejector clogged
a: new cups PK3-SC-30|cleaned filter + ejector, -0.66 bar|all 4 cups replaced|ejector washed w isopropanol, new silencer
f: 0 12 0 2
= PK-3 | loader | 206 | 12 | 1.0 | 0.3 | 15
s: jam at loader|carton jam st 20|206 product across|LOADER JAM|pusher jam, carton crushed|product stuck btw guides
c: guide too narrow after format chg|product skewed|carton not squared
a: cleared jam, guide opened 1 mm|removed carton, wiped B22.1|cleared, step mode ok|guides set after format sheet
f: 0 12 12 0
= PK-3 | erector | 204 | 9 | 1.1 | 0.3 | 20
s: cartons not opening|204 carton not opened|blanks stuck together|erector opens only half
c: blanks bent/damp|air nozzle blocked|blank glued shut by supplier
a: aired blanks, changed batch|cleaned air nozzle|removed bad blanks, told purchasing|pallet left 24 h in hall, ok
f: 0 1 2 0
= PK-3 | gantry | 503 | 4 | 1.4 | 2.6 | 310
s: following err gantry X|503 palletiser stopped|gantry belt chatters|X axis error after collision with pallet
c: belt loose 33 Hz|pallet too far in|teeth missing on belt
a: belt tensioned 41 Hz|new belt PK3-GB-50, 41 Hz|pallet stop adjusted|belt chgd + homed
f: 0 2 1 2
= PK-3 | checkweigher | 403 | 6 | 1.0 | 0.5 | 30
s: too many rejects|checkweigher rejects good ctns|403 rejects|weights jump around 5 g
c: glue on belt|draught from gate 4|load cell damaged - stepped on
a: cleaned belt, zeroed|hood closed, gate shut|new load cell PK3-LC-10, calibrated 1 and 5 kg|test carton 3x ok
f: 0 1 2 0
= PK-3 | gluer heater | 301 | 3 | 1.0 | 2.1 | 190
s: glue temp not reached|301 gluer cold|hose zone 2 stays cold
c: heater R31 open circuit|hose zone dead
a: new heater R31 48 ohm|hose replaced compl|heater chgd, 160 deg in 35 min
f: 0 1 0
= PK-3 | gripper | 511 | 4 | 1.0 | 0.9 | 80
s: layer falls apart|511 gripper vac low|drops cartons on pallet
c: foam worn|zone valve stuck|accel too high
a: new foam PK3-GF-12|valve cleaned|P512 from 70 to 60|foam replaced both sides
f: 0 1 2 0
= PK-3 | compressed air | 104 | 5 | 1.0 | 0.6 | 40
s: air press low, line stops|104 no air|PRESSURE LOW whole line
c: leak at coupling st 40|compressor AC-75 tripped|filter at inlet full
a: coupling replaced|waited for compressor|drained + new filter inlet, 6.0 bar
f: 0 1 2
"""
