"""The alarm workbook of the machining centre: lettered alarms on one sheet, numbered messages on the other."""

from __future__ import annotations

ALARMS = """
SERV-062|Encoder battery empty|Battery block older than 5 years or removed|Replace the block with the control on
SERV-063|Encoder battery low|Battery below 3.1 V|Plan the replacement within 30 days
SERV-101|Following error X axis|Guide dry, chips behind the cover, feed too high|Clean the cover, check the lubrication
SERV-102|Following error Y axis|Guide dry, chips behind the cover, feed too high|Clean the cover, check the lubrication
SERV-103|Following error Z axis|Counterbalance pressure low, brake not released|Check 24 V at the brake, counterbalance 85 bar
SERV-104|Following error A axis|Belt slipping, clamp not open|Measure 62 Hz at the belt, check the clamp valve
SERV-105|Following error C axis|Clamp not open, chips below the table ring|Clean the ring, check the clamp valve
SERV-110|Over-travel, plus side|Program or jog beyond the software limit|Jog back in the minus direction
SERV-111|Over-travel, minus side|Program or jog beyond the software limit|Jog back in the plus direction
SERV-120|Axis not referenced|Encoder changed or battery lost|Have the reference set by service
SERV-131|Drive not ready|Safety circuit open, DC link not charged|Close the doors, press control-on, read the amplifier
SPDL-011|Spindle speed not reached|Overload, drive limit, program speed too high|Reduce the depth of cut, check the load display
SPDL-014|Spindle bearing too hot (68 °C)|Chiller off, no warm-up, bearing worn|Cool at 2,000 rpm, check the chiller
SPDL-015|Spindle motor too hot (145 °C)|Heavy cutting for a long time, fan failed|Let it cool for 20 minutes, clean the fan
SPDL-020|Spindle vibration, warning (2.8 mm/s)|Tool not balanced, cutter worn|Balance the tool, replace the cutter
SPDL-021|Spindle vibration, stop (4.5 mm/s)|Tool broken or lost, bearing damage|Check the tool; measure the run-out
SPDL-031|Tool not clamped|Chip in the cone, drawbar force low, oil pressure low|Blow out the cone, measure the drawbar force
SPDL-032|Tool not unclamped|Hydraulic pressure below 105 bar, valve stuck|Check the hydraulic unit, press the valve by hand
SPDL-040|Sealing air missing|Air regulator closed, filter wet|Set 0.8 bar, drain the filter
ATC-020|Changer arm not in position|Chip in the cam box, air below 5 bar|Turn back by hand crank, clean
ATC-021|Magazine not in position|Counting sensor dirty, chain loose|Clean the sensor, tension the chain
ATC-023|Tool pot not lowered|Cylinder leaking, valve stuck|Replace the seal of the pot cylinder
ATC-025|Place occupied|Tool table wrong|Inspect the place and correct the table
ATC-028|Tool too long for swing|Tool length wrong, tool not released|Correct the length or load by hand
LUBE-010|Lubrication pressure not reached|Distributor leaking, air in the line|Bleed the line, replace the distributor
LUBE-012|Lubrication oil low|Tank empty|Fill with CG 68, about 40 minutes remain
LUBE-014|Grease cartridge of the spindle empty|End of life|Replace the cartridge
COOL-003|Coolant level low|Evaporation, chips carry coolant out|Refill with a 3 % mixture
COOL-005|Coolant pump overload|Chips in the pump, phase missing|Clean the pump, check the motor switch Q7
COOL-007|Flow through spindle too small|Duplex filter full, nozzle blocked|Switch the filter, clean the nozzle plate
COOL-009|Chip conveyor jammed|Long chips, belt bent|Reverse up to three times, remove chips
HYDR-002|Hydraulic pressure low|Leak at a clamp, pump worn|Watch the leakage line, check 105 to 125 bar
HYDR-004|Hydraulic oil too hot (58 °C)|Unit runs all the time because of a leak|Find the leaking clamp
HYDR-006|Hydraulic level low|Leak|Search for the leak, fill HLP 32
TEMP-101|Control cabinet too warm (50 °C)|Filter mat full, cooler failed|Replace the mat, reset the cooler
TEMP-104|Chiller temperature out of range|Room above 35 °C, fins dirty, water low|Clean the fins, fill the tank
PNEU-001|Air pressure below 5 bar|Compressor, shut-off valve, leak|Check the supply; main gauge must show 6 bar
DOOR-003|Operator door not locked|Bolt dirty, window bent|Clean the bolt, adjust the striker
DOOR-005|Maintenance door open|Cover removed|Close the cover
PROB-002|Touch probe no signal|Battery of the probe, coolant on the receiver|Replace the battery, clean the window
PROB-004|Probe deviation too large|Stylus loose, calibration old|Tighten the stylus, calibrate with the ring gauge
AL.16.1|Encoder communication error at start|Battery empty, plug loose|As SERV-062; check plug CN2
AL.20.2|Encoder communication error during operation|Cable worn in the chain, noise|Replace the encoder cable
AL.24.1|Earth fault of the output stage|Motor cable damaged, coolant in the plug|Measure the insulation, dry the plug
AL.31.1|Overspeed of the motor|Wrong gain, encoder error|Check the load, read the event list
AL.32.1|Overcurrent of the output stage|Short circuit in motor or cable|Measure the motor cable; replace the amplifier
AL.33.1|Overvoltage of the DC link|Braking resistor broken|Measure the resistor: 9.1 ohm
AL.50.1|Thermal overload, running|Axis stiff, brake closed|Check the guide and the brake
AL.52.1|Position deviation too large|Torque limit, mechanical stop, clamp closed|Open the clamp, look for chips
AL.52.3|Position deviation at standstill|Brake worn, load too heavy|Check the brake; table load 250 kg
AL.9F|Battery warning|Battery below 3.0 V|Replace the battery block
AL.E9|Main circuit off|Contactor open, emergency stop|Release the emergency stop
"""

MESSAGES = """
1001|Warm-up required|Machine was off for more than 8 hours|Run WARM15 or WARM8
1004|Part counter reached|Set number of parts made|Reset the counter
1009|Tool life ended|Counter of the tool at zero|Replace the tool and reset its life
1011|Sister tool not found|No second tool with the same name|Load a sister tool
1020|Offset table changed|G54 to G59 changed by hand|Confirm as setter
1102|Feed override at zero|Switch turned to zero|Open the override
1107|Program not released|Status is not RELEASED|Prove the program
1113|Block cannot be read|Character error in the program|Correct the line shown
1118|Arc end point wrong|Radius differs by more than 0.01 mm|Recompute the arc
1140|Trunnion close to enclosure|A beyond 95 degrees with a long tool|Raise Z, use a shorter tool
1150|Pallet not seated|Chip on the zero-point seat|Clean both faces and clamp again
1162|Coolant concentration due|Weekly measurement not entered|Measure and enter the value
1170|Maintenance 250 h due|Counter reached|Clean the filter mats
1171|Maintenance 2000 h due|Counter reached|Measure the drawbar force
1183|Backup battery of the control low|Battery older than 3 years|Replace with the control on
201|Memory full|Too many programs|Delete old programs
204|Data transfer broken off|Network cable, time-out|Repeat the transfer
207|File name too long|More than 32 characters|Rename the file
215|Wrong password|Typing error|Ask the setter
302|Tool measuring laser dirty|Lens wet|Blow the lens, clean with alcohol
304|Tool shorter than expected|Tool broken|Replace the tool
309|Tool longer than expected|Holder not seated, wrong tool|Clean the cone, compare with the sheet
"""


def rows(text: str) -> list[tuple[str, ...]]:
    """Split one of the lists above into (code, text, cause, remedy)."""
    return [tuple(line.split("|")) for line in text.strip().splitlines()]
